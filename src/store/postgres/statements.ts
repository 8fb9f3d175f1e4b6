// The texts of statements, made once each, and how they are executed: alone, or one for many tuples of parameters.
import { createHash } from 'node:crypto'
import type { QueryResultRow } from 'pg'
import type { Statement, SqlValue } from '../statement.ts'
import { manyText, singleText, type ManyText } from './sql.ts'

/** One connection, or a pool of them. */
export interface Queryable {
  query (config: { name?: string, text: string, values?: unknown[] }): Promise<{ rows: QueryResultRow[] }>
}

type Rows = QueryResultRow[]

interface Prepared {
  name: string
  text: string
}

// More tuples in one statement only make it longer.
const MOST_TUPLES = 1_000

export class Statements {
  readonly #inference: Queryable
  readonly #single = new Map<string, Prepared>()
  readonly #many = new Map<string, (ManyText & Prepared) | undefined>()

  /** `inference` answers which types parameters have: it must not be a connection with a transaction open. */
  constructor (inference: Queryable) {
    this.#inference = inference
  }

  single ({ sql, skipLocked }: Statement): Prepared {
    let prepared = this.#single.get(sql)
    if (prepared === undefined) {
      prepared = named(singleText(sql, skipLocked))
      this.#single.set(sql, prepared)
    }
    return prepared
  }

  /** Whether `execute` can send at once; if not, `prepare` has to come first. */
  isPrepared ({ sql, skipLocked }: Statement, tuples: number): boolean { return tuples <= 1 || skipLocked !== undefined || this.#many.has(sql) }

  async prepare ({ sql }: Statement): Promise<void> { this.#many.set(sql, await this.#make(sql)) }

  /** Sends one statement for all tuples, before it returns; resolves with the rows of each tuple. */
  execute (on: Queryable, statement: Statement, tuples: ReadonlyArray<readonly SqlValue[]>): Promise<Rows[]> {
    const many = tuples.length > 1 && statement.skipLocked === undefined ? this.#many.get(statement.sql) : undefined
    if (many === undefined) {
      const { name, text } = this.single(statement)
      // Sent together; the connection answers them in order.
      return Promise.all(tuples.map(async (values) => (await on.query({ name, text, values: [...values] })).rows))
    }
    if (tuples.length <= MOST_TUPLES) return executeMany(on, many, tuples)
    const portions = Array.from({ length: Math.ceil(tuples.length / MOST_TUPLES) }, (_, index) => tuples.slice(index * MOST_TUPLES, (index + 1) * MOST_TUPLES))
    return Promise.all(portions.map((portion) => executeMany(on, many, portion))).then((answers) => answers.flat())
  }

  async #make (sql: string): Promise<(ManyText & Prepared) | undefined> {
    const many = manyText(sql, await this.#typesOf(singleText(sql)))
    return many === undefined ? undefined : { ...many, ...named(many.sql) }
  }

  /** PostgreSQL knows what a parameter must be from where it stands. */
  async #typesOf (text: string): Promise<string[]> {
    const name = `types_${digest(text)}`
    // Several commands in one question are answered by a list.
    const answers = await this.#inference.query({
      text: `PREPARE ${name} AS ${text};
        SELECT parameter_types::text[] AS types FROM pg_prepared_statements WHERE name = '${name}'; DEALLOCATE ${name}`
    }) as unknown as Array<{ rows: Rows }>
    return answers[1]!.rows[0]!['types'] as string[]
  }
}

const executeMany = async (on: Queryable, { name, text, match }: ManyText & Prepared, tuples: ReadonlyArray<readonly SqlValue[]>): Promise<Rows[]> => {
  const columns = tuples[0]!.map((_value, index) => tuples.map((tuple) => tuple[index]!))
  const { rows } = await on.query({ name, text, values: columns })
  const answers: Rows[] = tuples.map(() => [])
  if (match === undefined) {
    for (const { _ord: place, ...row } of rows) answers[place - 1]!.push(row)
    return answers
  }
  const places = new Map(tuples.map((tuple, place) => [JSON.stringify(match.map(([, parameter]) => tuple[parameter])), place]))
  for (const row of rows) answers[places.get(JSON.stringify(match.map(([column]) => row[column])))!]!.push(row)
  return answers
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 24)

const named = (text: string): Prepared => ({ name: `s_${digest(text)}`, text })
