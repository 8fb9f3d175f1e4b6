// Texts of people that belong to entries which are never changed: the entry holds a reference, and the text can be taken back.
import { isId, newId } from '../../core/ids.ts'
import type { Json } from '../../core/model.ts'
import { all, run, type Operation } from '../statement.ts'

const PREFIX = 'text:'

/** Answers what stands in the place of the text. */
export function * keepText (text: string | null): Operation<string | null> {
  if (text === null) return null
  const id = newId()
  yield * run('INSERT INTO texts (id, body) VALUES (?, ?)', id, text)
  return PREFIX + id
}

/** Members whose texts people wrote: why they decided, and what they call the columns of their lists. */
const WRITTEN: ReadonlySet<string> = new Set(['reason', 'columns'])

/** The same for each such text in it. */
export function * keepTexts (value: Json, written = false): Operation<Json> {
  if (written && typeof value === 'string') return yield * keepText(value)
  if (value === null || typeof value !== 'object') return value
  if (Array.isArray(value)) {
    const list: Json[] = []
    for (const each of value) list.push(yield * keepTexts(each, written))
    return list
  }
  const kept: { [key: string]: Json } = {}
  for (const [key, each] of Object.entries(value)) kept[key] = yield * keepTexts(each, WRITTEN.has(key))
  return kept
}

const idOf = (value: unknown): string | undefined => {
  const id = typeof value === 'string' && value.startsWith(PREFIX) ? value.slice(PREFIX.length) : ''
  return isId(id) ? id : undefined
}

/** Puts the texts back where their references stand. Entries of earlier versions hold theirs themselves. */
export function * textsBack<T extends Json> (values: T[]): Operation<T[]> {
  const ids = new Set<string>()
  const collect = (value: Json): void => {
    const id = idOf(value)
    if (id !== undefined) ids.add(id)
    else if (value !== null && typeof value === 'object') Object.values(value).forEach(collect)
  }
  values.forEach(collect)
  if (ids.size === 0) return values
  const rows = yield * all<{ id: string, body: string }>('SELECT id, body FROM texts WHERE id IN (SELECT value FROM json_each(?))', JSON.stringify([...ids]))
  const known = new Map(rows.map(({ id, body }) => [id, body]))
  const back = (value: Json): Json => {
    const id = idOf(value)
    if (id !== undefined) return known.get(id) ?? value
    if (value === null || typeof value !== 'object') return value
    return Array.isArray(value) ? value.map(back) : Object.fromEntries(Object.entries(value).map(([key, each]) => [key, back(each)]))
  }
  return values.map(back) as T[]
}
