// What the store offers to those who want all of it: whole tables, page by page.
import type { Freeze } from './effects/freeze.ts'
import type { StoredPolicy } from './effects/policy.ts'
import type { Proposal } from './effects/proposal.ts'
import type { LedgerEffect, LedgerEntry } from './effects/store.ts'
import type { AuditEntry, Job, Message, Schedule, ScheduleRun, Session, StoreEvent } from './model.ts'

/** What is read by key, and what a row of it is. */
export interface ExportedRows {
  session: Session
  message: Message
  job: Job
  event: StoreEvent
  schedule: Schedule
  schedule_run: ScheduleRun
  proposal: Proposal
  effect: LedgerEffect
  ledger_entry: LedgerEntry
  audit_entry: AuditEntry
  policy: StoredPolicy
  freeze: Freeze
}

/** Tables in the order in which they are exported. */
export const EXPORTED = [
  'session', 'message', 'job', 'event', 'schedule', 'schedule_run', 'proposal', 'effect', 'ledger_entry', 'audit_entry', 'policy', 'freeze'
] as const satisfies Array<keyof ExportedRows>
export type Exported = typeof EXPORTED[number]

/** Where the next page begins: the key of the last row. */
export type ExportKey = ReadonlyArray<string | number>

export interface ExportStore {
  /** Rows behind `after` in the order of their keys. `next`: null at the end. */
  exportPage<T extends Exported> (args: { table: T, after: ExportKey | null, limit: number }): Promise<{ rows: Array<ExportedRows[T]>, next: ExportKey | null }>
}
