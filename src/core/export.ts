// The store as lines of JSON: everything, or one session. Read in pages by key, so that it takes as little memory for a million rows as for ten.
import { setImmediate as turn } from 'node:timers/promises'
import { isHold, type Hold } from './holds.ts'
import type { AgentState, Page, PageRequest, Session, StreamEvent } from './model.ts'
import type { Store } from './store.ts'
import { EXPORTED, type Exported, type ExportedRows, type ExportKey, type ExportStore } from './store-export.ts'

/** A record and what it is. */
export type ExportRecord =
  | { [T in Exported]: { type: T, row: ExportedRows[T] } }[Exported]
  | { type: 'agent', row: AgentState }
  | { type: 'circuit_breaker_hold', row: Hold }
  | { type: 'stream_event', row: StreamEvent }

/** Jobs and proposals may be of hundreds of kilobytes, with what an agent found out. */
const PAGE: Record<Exported, number> = {
  session: 500,
  message: 250,
  job: 50,
  event: 100,
  schedule: 100,
  schedule_run: 500,
  proposal: 20,
  effect: 50,
  ledger_entry: 100,
  audit_entry: 200,
  policy: 50,
  freeze: 100
}
const STREAM_PAGE = 250
const JOBS_PAGE = 50
const MESSAGES_PAGE = 250

/** All that the API shows, in portions. Not one moment: what changes while it is read may be in it in either form. */
export async function * exportEverything (store: Store): AsyncGenerator<ExportRecord[]> {
  for (const table of EXPORTED) yield * exportTable(store, table)
  yield (await store.agentStates()).map((row) => ({ type: 'agent', row }))
  yield (await store.listHolds()).filter(isHold).map((row) => ({ type: 'circuit_breaker_hold', row }))
}

async function * exportTable (store: Store, table: Exported): AsyncGenerator<ExportRecord[]> {
  let after: ExportKey | null = null
  do {
    const { rows, next }: Awaited<ReturnType<ExportStore['exportPage']>> = await store.exportPage({ table, after, limit: PAGE[table] })
    yield rows.map((row) => ({ type: table, row }) as ExportRecord)
    after = next
    await turn()
  } while (after !== null)
}

/** A session with its messages, its stream and its jobs. @throws Error when it is deleted while it is read: what was read so far is not all of it. */
export async function * exportSession (store: Store, session: Session): AsyncGenerator<ExportRecord[]> {
  const { id } = session
  yield [{ type: 'session', row: session }]
  yield * pages((page) => store.listMessages(id, page), MESSAGES_PAGE, (row) => ({ type: 'message', row }))
  for (let after = 0; ;) {
    const events = await store.readEvents(id, after, STREAM_PAGE)
    yield events.map((row) => ({ type: 'stream_event', row }))
    if (events.length < STREAM_PAGE) break
    after = events.at(-1)!.seq
    await turn()
  }
  yield * pages((page) => store.listJobs({ session_id: id }, page), JOBS_PAGE, (row) => ({ type: 'job', row }))
  if (await store.getSession(id) === undefined) throw new Error('the session was deleted while it was exported')
}

async function * pages<T> (
  list: (page: PageRequest) => Promise<Page<T>>, limit: number, record: (row: T) => ExportRecord
): AsyncGenerator<ExportRecord[]> {
  let cursor: string | undefined
  do {
    const page: Page<T> = await list({ limit, ...(cursor === undefined ? {} : { cursor }) })
    yield page.items.map(record)
    cursor = page.next_cursor ?? undefined
    await turn()
  } while (cursor !== undefined)
}
