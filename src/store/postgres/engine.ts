// PostgreSQL behind the port of the store: batches of writes as transactions of few statements, reads beside them, news of other processes.
import { setTimeout as pause } from 'node:timers/promises'
import type pg from 'pg'
import { errorText } from '../../core/errors.ts'
import type { Logger } from '../../core/log.ts'
import type { Notice } from '../../core/store.ts'
import type { Committer, Outcome } from '../group-commit.ts'
import { emptyNotice, mergeNotices } from '../notices.ts'
import { finishBatch } from '../operations/batch.ts'
import { unitOf, type NamedUnit } from '../operations/index.ts'
import { Tx, type Operation, type Statement } from '../statement.ts'
import { StoreUnusableError } from '../unusable.ts'
import { Connections, maskedUrl, READERS } from './connections.ts'
import { explain, isAway, isBusy, isLostRace, isStalePlan, unavailable } from './faults.ts'
import { migratePostgres } from './migrate.ts'
import { everything, noticeOf, payloadsOf, Notifier } from './notices.ts'
import { Statements, type Queryable } from './statements.ts'
import { lockNumber, planOf, type Plan } from './units.ts'

export interface PostgresOptions {
  url: string
  timeoutMs: number
  /** How long the start waits for the server. Default: half a minute. */
  startWithinMs?: number | undefined
  onConflict?: (() => void) | undefined
  log?: Logger | undefined
}

export interface PostgresEngine extends Committer<NamedUnit> {
  read<R> (operation: Operation<R>): Promise<R>
  /** All statements see the same moment. */
  readSnapshot<R> (operation: Operation<R>): Promise<R>
  sizeBytes (): Promise<number>
  /** Tells other processes, without a commit. */
  announce (notice: Notice): void
  /** Hears what other processes committed. */
  onNews (listener: (notice: Notice) => void): void
  close (): Promise<void>
}

/** How often a transaction that lost a race is tried again before its units are tried apart. */
const RACES = 3

/** How long a start waits for a database that does not answer yet. */
const START_WITHIN_MS = 30_000
const ASK_AGAIN_MS = 500

/** @throws StoreUnusableError when the server cannot be reached for half a minute, refuses us, or has a schema that is not for this program. */
export const openPostgres = async (options: PostgresOptions, latest: string): Promise<PostgresEngine> => {
  const { startWithinMs = START_WITHIN_MS } = options
  const until = performance.now() + startWithinMs
  for (;;) {
    try {
      return await openNow(options, latest)
    } catch (error) {
      const again = (isAway(error) || isBusy(error)) && performance.now() < until
      const place = maskedUrl(options.url)
      if (!again) throw new StoreUnusableError(`The database ${place} cannot be used: ${errorText(error)}${remedyOf(error)}`, error)
      options.log?.warn({ err: error }, `the database ${place} does not answer yet`)
      await pause(ASK_AGAIN_MS)
    }
  }
}

const remedyOf = (error: unknown): string => {
  const code = String((error as { code?: unknown }).code)
  if (code.startsWith('28')) return '. Are the user and the password in DATABASE_URL right?'
  if (code === '3D000') return '. Create the database first, or mend the name in DATABASE_URL.'
  if (code === '42501') return '. The user of DATABASE_URL needs the right to create tables in its schema.'
  return isAway(error) ? '. Is the server of DATABASE_URL running, and can it be reached from here?' : ''
}

const openNow = async (options: PostgresOptions, latest: string): Promise<PostgresEngine> => {
  const listeners: Array<(notice: Notice) => void> = []
  const spread = (notice: Notice): void => { for (const listener of listeners) listener(notice) }
  const connections = await Connections.open(options, {
    onRecovered: () => { spread(everything()) },
    onNotification (payload) {
      const notice = noticeOf(notifier.id, payload)
      if (notice !== undefined) spread(notice)
    }
  })
  const notifier = new Notifier((payloads) => connections.notify(payloads))
  try {
    await migratePostgres({ url: options.url, schema: connections.schema, latest })
    await connections.listen()
  } catch (error) {
    await connections.close()
    throw error
  }
  return createEngine(connections, notifier, listeners, options.onConflict)
}

const createEngine = (
  connections: Connections, notifier: Notifier, listeners: Array<(notice: Notice) => void>, onConflict: () => void = () => {}
): PostgresEngine => {
  const statements = new Statements(connections.readers)
  const { schema } = connections
  const storeLock = lockNumber(schema, 'store')

  /** Begins a transaction and takes its locks: sent at once, and not waited for. */
  const open = (writer: pg.Client, { alone, sessions, idempotencyKeys, domains }: Plan): Array<Promise<unknown>> => {
    const sent: Array<Promise<unknown>> = [
      // Whatever is usual on this server: who looks under a lock must see what was committed before it was got.
      writer.query('BEGIN ISOLATION LEVEL READ COMMITTED'),
      writer.query({ name: `lock_${alone}`, text: `SELECT pg_advisory_xact_lock${alone ? '' : '_shared'}($1)`, values: [storeLock] }),
      ...domains.map((domain) => writer.query({ name: 'lock_domain', text: 'SELECT pg_advisory_xact_lock($1)', values: [lockNumber(schema, domain)] }))
    ]
    // Alone, nobody else wants rows.
    if (!alone && sessions.length > 0) {
      sent.push(writer.query({ name: 'lock_sessions', text: 'SELECT FROM sessions WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE', values: [sessions] }))
    }
    if (!alone && idempotencyKeys.length > 0) {
      sent.push(writer.query({
        name: 'lock_keys',
        text: 'SELECT FROM idempotency_keys WHERE (scope, key) IN (SELECT * FROM unnest($1::text[], $2::text[])) ORDER BY scope, key FOR UPDATE',
        values: [idempotencyKeys.map(({ scope }) => scope), idempotencyKeys.map(({ key }) => key)]
      }))
    }
    for (const one of sent) one.catch(() => {})
    return sent
  }

  /** All or nothing; throws what went wrong. Whoever `lost` a race has the store alone: at once again beside the winner it might lose again. */
  const transact = async (units: NamedUnit[], lost: boolean): Promise<{ values: unknown[], notice: Notice }> => {
    const writer = await connections.writer()
    const planned = planOf(units)
    const plan = { ...planned, alone: planned.alone || lost }
    const tx = new Tx()
    const values: unknown[] = []
    // What was sent, in order.
    const sent = open(writer, plan)
    try {
      for (const wave of plan.waves) {
        const results = await drive(statements, writer, wave.map((place) => unitOf(units[place]!)(tx)), sent)
        for (const [index, place] of wave.entries()) values[place] = results[index]
      }
      await drive(statements, writer, [finishBatch(tx, Date.now())], sent)
      if (plan.alone) {
        for (const payload of payloadsOf(notifier.id, tx.notice)) {
          sent.push(writer.query({ name: 'tell', text: 'SELECT pg_notify($1, $2)', values: [connections.channel, payload] }))
        }
      }
      const commit = writer.query('COMMIT')
      commit.catch(() => {})
      await Promise.all(sent)
      const { command } = await commit
      if (command !== 'COMMIT') throw new Error(`the transaction ended with ${command}`)
    } catch (error) {
      // The first fault is the one to tell: whatever came after it failed because of it.
      const first = (await Promise.allSettled(sent)).find((one) => one.status === 'rejected')?.reason as unknown ?? error
      if (isAway(first) || isStalePlan(first)) connections.dropWriter()
      else await writer.query('ROLLBACK').catch(() => { connections.dropWriter() })
      throw first
    }
    if (!plan.alone) notifier.notify(tx.notice)
    return { values, notice: tx.notice }
  }

  const attempt = async (units: NamedUnit[], races = RACES): Promise<{ outcomes: Outcome[], notices: Notice[] }> => {
    try {
      connections.check()
      const { values, notice } = await transact(units, races < RACES)
      return { outcomes: values.map((value) => ({ ok: true, value })), notices: [notice] }
    } catch (error) {
      if (isAway(error)) {
        connections.suspect(error)
        return failed(units, unavailable(error))
      }
      if ((isLostRace(error) || isStalePlan(error)) && races > 0) {
        if (isLostRace(error)) onConflict()
        return attempt(units, races - 1)
      }
      // To try the units apart would keep everybody waiting as many times longer.
      if (units.length === 1 || connections.away || isBusy(error)) return failed(units, explain(error))
      // One unit is at fault: halves find it in few transactions, and the others do not share its fate.
      const middle = units.length >> 1
      const first = await attempt(units.slice(0, middle))
      const second = await attempt(units.slice(middle))
      return { outcomes: [...first.outcomes, ...second.outcomes], notices: [...first.notices, ...second.notices] }
    }
  }

  /** `stale`: how many connections there can be whose plans are of before a migration; each is closed by its fault. */
  const reading = async <R>(use: () => Promise<R>, stale = READERS): Promise<R> => {
    try {
      connections.check()
      return await use()
    } catch (error) {
      if (isStalePlan(error) && stale > 0) return reading(use, stale - 1)
      if (isAway(error)) connections.suspect(error)
      throw explain(error)
    }
  }

  return {
    async commit (units) {
      const { outcomes, notices } = await attempt(units)
      return { outcomes, notice: notices.length === 1 ? notices[0]! : mergeNotices(notices) }
    },
    read: (operation) => reading(async () => (await drive(statements, connections.readers, [operation]))[0]) as Promise<never>,
    readSnapshot: (operation) => reading(async () => {
      const client = await connections.readers.connect()
      let broken = true
      try {
        await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
        const [result] = await drive(statements, client, [operation])
        await client.query('COMMIT')
        broken = false
        return result as never
      } finally {
        client.release(broken)
      }
    }),
    sizeBytes: () => reading(async () => {
      const { rows: [row] } = await connections.readers.query<{ bytes: number }>({
        name: 'size',
        text: `SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) AS bytes FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
          WHERE n.nspname = $1 AND c.relkind = 'r'`,
        values: [schema]
      })
      return row!.bytes
    }),
    announce (notice) { notifier.notify(notice) },
    onNews (listener) { listeners.push(listener) },
    close: () => connections.close()
  }
}

const failed = (units: NamedUnit[], error: unknown): { outcomes: Outcome[], notices: Notice[] } =>
  ({ outcomes: units.map(() => ({ ok: false, error })), notices: [emptyNotice()] })

interface Asked {
  statement: Statement
  /** Who asked, and how many tuples are its own. */
  askers: Array<{ one: { answer: unknown[] }, tuples: number }>
  tuples: Array<NonNullable<Statement['tuples']>[number]>
}

/**
 * Drives operations side by side: what they ask in the same words at the same time is asked once, for all of them. What nobody reads the answer
 * of is sent without waiting: its fault ends the transaction, and shows in `sent`, where everything goes in the order in which it was sent.
 */
const drive = async (
  statements: Statements, on: Queryable, operations: Array<Operation<unknown>>, sent: Array<Promise<unknown>> = []
): Promise<unknown[]> => {
  const results: unknown[] = []
  let waiting = operations.map((operation, place) => ({ operation, place, answer: NOTHING }))
  while (waiting.length > 0) {
    const questions = new Map<string, Asked>()
    const next: typeof waiting = []
    const step = (one: typeof waiting[number]): void => {
      const { operation, place } = one
      const { done, value } = operation.next(one.answer)
      if (done === true) {
        results[place] = value
        return
      }
      next.push(one)
      one.answer = NOTHING
      const tuples = value.tuples ?? [value.params]
      const asked = questions.get(value.sql) ?? { statement: value, askers: [], tuples: [] }
      questions.set(value.sql, asked)
      asked.askers.push({ one, tuples: tuples.length })
      for (const tuple of tuples) asked.tuples.push(tuple)
    }
    for (const one of waiting) step(one)
    const answers: Array<Promise<void>> = []
    // Before anything is sent: whoever is under way must have somebody who waits for it.
    for (const { statement, tuples } of questions.values()) {
      if (!statements.isPrepared(statement, tuples.length)) await statements.prepare(statement)
    }
    for (const { statement, askers, tuples } of questions.values()) {
      const answer = statements.execute(on, statement, tuples)
      answer.catch(() => {})
      sent.push(answer)
      if (statement.rows) answers.push(answer.then((rows) => { handOut(statement, askers, rows) }))
    }
    await Promise.all(answers)
    waiting = next
  }
  return results
}

const NOTHING: unknown[] = []

const handOut = (statement: Statement, askers: Asked['askers'], rows: unknown[][]): void => {
  let at = 0
  for (const { one, tuples } of askers) {
    one.answer = statement.tuples === undefined ? rows[at]! : rows.slice(at, at + tuples)
    at += tuples
  }
}
