// What the core tells about itself while it works; the metrics plugin listens.
import type { ModelUsage } from './language-model.ts'
import type { JobKind, JobStatus } from './model.ts'

export interface Observer {
  /** An attempt ended. `ms` is how long it ran. */
  jobSettled (kind: JobKind, agent: string | null, status: JobStatus, ms: number): void
  /** From the message's receipt to the first piece of its reply. */
  firstDelta (ms: number): void
  /** From the message's receipt to the end of its reply. */
  replyEnded (status: JobStatus, ms: number): void
  /** What the language model did in an attempt at a reply. */
  modelUsed (usage: ModelUsage): void
}

export const silentObserver: Observer = { jobSettled () {}, firstDelta () {}, replyEnded () {}, modelUsed () {} }
