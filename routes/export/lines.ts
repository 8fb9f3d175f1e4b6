// An export as lines of JSON: a header, a line a record, a trailer that says how many. Without its trailer a file is not whole.
import { isActive } from '../../src/core/effects/freeze.ts'
import type { ExportRecord } from '../../src/core/export.ts'
import { presentHold } from '../../src/core/holds.ts'
import type { AgentState, StreamEvent } from '../../src/core/model.ts'
import {
  iso, isoOrNull, presentAuditEntry, presentJob, presentMessage, presentSchedule, presentScheduleRun, presentSession, presentStoredEvent
} from '../present.ts'
import { presentEffect, presentFreeze, presentPolicy, presentProposal } from '../present-effects.ts'

/** Of the form of the lines. */
const FORMAT_VERSION = 1

export interface ExportFacts {
  /** Of the service. */
  version: string
  scope: 'everything' | 'session'
  now: () => number
}

/** Portions of whole lines. */
export async function * linesOf (records: AsyncIterable<ExportRecord[]>, { version, scope, now }: ExportFacts): AsyncGenerator<string> {
  const counts: Record<string, number> = {}
  const startedAt = now()
  yield line('header', { format: 'royal-equips-export', format_version: FORMAT_VERSION, scope, service_version: version, started_at: iso(startedAt) })
  for await (const portion of records) {
    let text = ''
    for (const record of portion) {
      counts[record.type] = (counts[record.type] ?? 0) + 1
      text += line(record.type, present(record, startedAt))
    }
    if (text !== '') yield text
  }
  yield line('trailer', { complete: true, counts, finished_at: iso(now()) })
}

const line = (type: string, data: object): string => `${JSON.stringify({ type, data })}\n`

/** As the API shows it: leases, tokens and keys are not part of it. */
const present = (record: ExportRecord, now: number): object => {
  switch (record.type) {
    case 'session': return presentSession(record.row)
    case 'message': return presentMessage(record.row)
    case 'stream_event': return presentStreamEvent(record.row)
    case 'job': return presentJob(record.row)
    case 'event': return presentStoredEvent(record.row)
    case 'schedule': return presentSchedule(record.row)
    case 'schedule_run': return { schedule_id: record.row.schedule_id, ...presentScheduleRun(record.row) }
    case 'proposal': return presentProposal(record.row)
    case 'effect': return presentEffect(record.row)
    // As it was hashed: whoever has the file can go through the chain.
    case 'ledger_entry': return record.row
    case 'audit_entry': return presentAuditEntry(record.row)
    case 'policy': return presentPolicy(record.row)
    case 'freeze': return presentFreeze({ ...record.row, active: isActive(record.row, now) })
    case 'agent': return presentState(record.row)
    case 'circuit_breaker_hold': return { breaker: record.row.name, ...presentHold(record.row) }
  }
}

const presentStreamEvent = ({ seq, name, data, job_id: job, final, at }: StreamEvent) =>
  ({ id: seq, event: name, data: JSON.parse(data) as unknown, job_id: job, final, at: iso(at) })

const presentState = (state: AgentState) => ({
  ...state, paused_at: isoOrNull(state.paused_at), last_success_at: isoOrNull(state.last_success_at), last_failure_at: isoOrNull(state.last_failure_at)
})
