// What the tests of the store are made of: an open store, jobs, leases and the moves that take one line each.
import { newId } from '../../src/core/ids.ts'
import type { Job, JobQueue, NewJob, NewStreamEvent, Page, Schedule } from '../../src/core/model.ts'
import { newReplyJob } from '../../src/core/replies.ts'
import type { AddMessageResult, Lease, Notice, PageRequest, SettleJob, Settlement, Store } from '../../src/core/store.ts'
import type { MultitaskStrategy } from '../../src/core/model.ts'
import type { CommitObserver } from '../../src/store/group-commit.ts'

/** Opens an empty store of the engine under test. */
export type OpenForTest = (options?: { onCommit?: CommitObserver }) => Promise<Store>

export const T0 = Date.UTC(2026, 0, 5, 8)

export const job = (fields: Partial<NewJob> = {}): NewJob => ({
  id: newId(),
  kind: 'agent',
  queue: 'agents',
  name: fields.agent ?? 'stocktaker',
  agent: 'stocktaker',
  session_id: null,
  lane: null,
  dedupe_key: null,
  priority: 'normal',
  payload: { v: 1, input: {} },
  run_at: T0,
  max_attempts: 3,
  timeout_ms: 60_000,
  source: 'test',
  created_at: T0,
  ...fields
})

export const schedule = (fields: Partial<Schedule> = {}): Schedule => ({
  id: 'stocktaker',
  agent: 'stocktaker',
  cron: '0 * * * *',
  timezone: 'UTC',
  input: {},
  paused: false,
  built_in: true,
  next_due_at: T0,
  last_due_at: null,
  created_at: T0 - 1_000,
  updated_at: T0 - 1_000,
  ...fields
})

let leases = 0
export const lease = (until = T0 + 10_000, worker = 'w1'): Lease => ({ worker, token: `${worker}.t${++leases}`, until })

export const delta = (stream: string, jobId: string | null, text: string): NewStreamEvent =>
  ({ stream, name: 'message', data: JSON.stringify({ type: 'delta', content: text }), job_id: jobId, final: false })

export const FAILURE = { attempt: 1, at: T0, code: 'boom', message: 'It broke.' }

/** A store with the moves of the tests. */
export const rig = (store: Store) => {
  const notices: Notice[] = []
  store.subscribe((notice) => notices.push(notice))
  const settle = (held: Job, settlement: Settlement, more: Partial<SettleJob> = {}) =>
    store.settle({ id: held.id, token: held.lease_token!, session_id: held.session_id, now: T0, settlement, events: [], ...more })
  return {
    store,
    notices,
    add: async (...jobs: NewJob[]): Promise<string[]> => (await store.enqueue({ jobs, now: T0 })).map(({ id }) => id),
    take: (limit = 10, now = T0, queue: JobQueue = 'agents') => store.claim({ queue, limit, lease: lease(now + 10_000), now }),
    settle,
    succeed: (held: Job) => settle(held, { status: 'succeeded', output: { ok: true } }),
    get: async (id: string): Promise<Job> => (await store.getJob(id))!,
    session: async (): Promise<string> => {
      const id = newId()
      await store.createSession({ id, now: T0 })
      return id
    },
    /** Posts what a person says; answers the outcome and the ids. */
    say: async (sessionId: string, strategy: MultitaskStrategy = 'enqueue', fields: { held?: Lease, max?: number, content?: string } = {}):
    Promise<AddMessageResult & { id: string, job_id: string }> => {
      const id = newId()
      const reply = newReplyJob({ session_id: sessionId, reply_to: id, strategy, now: T0 })
      const result = await store.addMessage({
        id,
        session_id: sessionId,
        role: 'user',
        content: fields.content ?? 'hello',
        now: T0,
        reply: { job: reply, strategy, max_queued: fields.max ?? 50, ...(fields.held === undefined ? {} : { lease: fields.held }) }
      })
      return { ...result, id, job_id: reply.id }
    },
    /** Finishes a reply with what was said. */
    answer: (held: Job, content: string) => settle(held, { status: 'succeeded', output: {} }, {
      message: {
        id: (held.payload as { message_id: string }).message_id,
        session_id: held.session_id!,
        role: 'assistant',
        content,
        created_at: T0,
        reply_to: (held.payload as { reply_to: string }).reply_to,
        job_id: held.id,
        status: 'complete'
      }
    })
  }
}

/** Every item of a list, fetched in pages of `limit`. */
export const everything = async <T>(list: (page: PageRequest) => Promise<Page<T>>, limit: number): Promise<T[]> => {
  const items: T[] = []
  for (let cursor: string | undefined; ;) {
    const page = await list({ limit, ...(cursor === undefined ? {} : { cursor }) })
    items.push(...page.items)
    if (page.next_cursor === null) return items
    cursor = page.next_cursor
  }
}
