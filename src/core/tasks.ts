// What the system does by itself, as jobs: durable, shown with the others, one of a kind at a time, made by whichever process finds it due.
import type { Clock } from './clock.ts'
import { newId } from './ids.ts'
import type { Job, Json, NewJob } from './model.ts'
import type { Store } from './store.ts'
import type { Run, RunTools } from './worker.ts'

export interface NewTask {
  name: string
  payload: { v: 1, [key: string]: Json }
  source: string
  now: number
  /** Default: one unfinished job of the name. */
  dedupe_key?: string
}

const TASK_TIMEOUT_MS = 10 * 60_000
const TASK_ATTEMPTS = 5

export const newTaskJob = ({ name, payload, source, now, dedupe_key: key = `task:${name}` }: NewTask): NewJob => ({
  id: newId(),
  kind: 'task',
  queue: 'agents',
  name,
  agent: null,
  session_id: null,
  lane: `task:${name}`,
  dedupe_key: key,
  priority: 'normal',
  payload,
  run_at: now,
  max_attempts: TASK_ATTEMPTS,
  timeout_ms: TASK_TIMEOUT_MS,
  source,
  created_at: now
})

export type Task = (job: Job, tools: RunTools) => Promise<Json>

/** Undefined: a task that this version does not know. */
export const taskRun = (job: Job, tools: RunTools, tasks: Readonly<Record<string, Task>>): Run | undefined => {
  const task = Object.hasOwn(tasks, job.name) ? tasks[job.name] : undefined
  return task === undefined ? undefined : { execute: () => task(job, tools) }
}

/** Makes the job of a task each time so much has passed, also across restarts; the first time after a whole period. */
export class Chore {
  readonly #options: { store: Store, clock: Pick<Clock, 'now'>, name: string, everyMs: number }
  /** When it is looked again. */
  #next = 0

  constructor (options: { store: Store, clock: Pick<Clock, 'now'>, name: string, everyMs: number }) {
    this.#options = options
  }

  async tend (): Promise<void> {
    const { store, clock, name, everyMs } = this.#options
    const now = clock.now()
    if (now < this.#next) return
    const job = newTaskJob({ name, payload: { v: 1 }, source: 'system', now })
    this.#next = await store.chore({ name, now, every_ms: everyMs, job })
  }
}
