// Pages of whole tables in the order of their keys, as an export reads them.
import type { LedgerEntry } from '../../core/effects/store.ts'
import type { AuditEntry, Json, ScheduleRun, Session, StoreEvent } from '../../core/model.ts'
import type { Exported, ExportedRows, ExportKey } from '../../core/store-export.ts'
import { all, type Operation, type Tx } from '../statement.ts'
import { effectOf, type EffectRow } from './effects.ts'
import { FREEZE_COLUMNS, freezeOf, type FreezeRow } from './freezes.ts'
import { jobOf, type JobRow } from './jobs.ts'
import { MESSAGE } from './messages.ts'
import { policiesOf, type PolicyRow } from './policies.ts'
import { withDecisions, type ProposalRow } from './proposals.ts'
import { scheduleOf, SCHEDULE_COLUMNS, type ScheduleRow } from './schedules.ts'
import { SESSION } from './sessions.ts'
import { textsBack } from './texts.ts'

interface Source<Row, R> {
  columns: string
  table: string
  key: ReadonlyArray<keyof Row & string>
  /** Sorts before every key. */
  start: ExportKey
  where?: string
  of (row: Row): R | Operation<R>
}

const source = <Row, R>(from: Source<Row, R>): Source<never, R> => from as unknown as Source<never, R>
const byId = { key: ['id'], start: [''] } as const
const asIs = <R>(row: R): R => row
const json = (text: string): Json => JSON.parse(text) as Json

const SOURCES: { [T in Exported]: Source<never, ExportedRows[T]> } = {
  session: source<Session, Session>({ ...byId, columns: SESSION, table: 'sessions', of: asIs }),
  message: source<ExportedRows['message'], ExportedRows['message']>({
    columns: MESSAGE,
    table: 'messages',
    key: ['session_id', 'seq'],
    start: ['', 0],
    // Those of sessions that were removed are on their way out.
    where: 'EXISTS (SELECT 1 FROM sessions AS s WHERE s.id = session_id)',
    of: asIs
  }),
  job: source<JobRow, ExportedRows['job']>({ ...byId, columns: '*', table: 'jobs', of: jobOf }),
  event: source<Omit<StoreEvent, 'data'> & { data: string }, StoreEvent>({
    ...byId,
    columns: 'id, type, data, timestamp, source, delivery, received_at, ignored',
    table: 'events',
    of: (row) => ({ ...row, data: json(row.data) })
  }),
  schedule: source<ScheduleRow, ExportedRows['schedule']>({ ...byId, columns: SCHEDULE_COLUMNS, table: 'schedules', of: scheduleOf }),
  schedule_run: source<ScheduleRun, ScheduleRun>({
    columns: 'schedule_id, due_at, fired_at, job_id, outcome, missed', table: 'schedule_runs', key: ['schedule_id', 'due_at'], start: ['', 0], of: asIs
  }),
  proposal: source<ProposalRow, ExportedRows['proposal']>({ ...byId, columns: '*', table: 'proposals', of: withDecisions }),
  effect: source<EffectRow, ExportedRows['effect']>({ ...byId, columns: '*', table: 'effects', of: effectOf }),
  ledger_entry: source<Omit<LedgerEntry, 'body'> & { body: string }, LedgerEntry>({
    columns: 'seq, effect_id, type, at, body, prev_hash, hash',
    table: 'effect_log',
    key: ['seq'],
    start: [0],
    of: (row) => ({ ...row, body: json(row.body) })
  }),
  audit_entry: source<Omit<AuditEntry, 'before' | 'after'> & { before: string, after: string }, AuditEntry>({
    ...byId,
    columns: 'id, at, actor, request_id, action, target, reason, before, after',
    table: 'audit',
    of: function * (row) {
      const [entry] = yield * textsBack([{ ...row, before: json(row.before), after: json(row.after) }])
      return entry!
    }
  }),
  policy: source<PolicyRow, ExportedRows['policy']>({
    columns: 'version, at, actor, reason, body',
    table: 'policies',
    key: ['version'],
    start: [0],
    of: function * (row) { return (yield * policiesOf([row]))[0]! }
  }),
  freeze: source<FreezeRow, ExportedRows['freeze']>({ ...byId, columns: FREEZE_COLUMNS, table: 'freezes', of: freezeOf })
}

export function * exportPage<T extends Exported> (
  _tx: Tx, { table, after, limit }: { table: T, after: ExportKey | null, limit: number }
): Operation<{ rows: Array<ExportedRows[T]>, next: ExportKey | null }> {
  const from = SOURCES[table] as unknown as Source<Record<string, string | number>, ExportedRows[T]>
  const keys = from.key.join(', ')
  const condition = from.where === undefined ? '' : ` AND ${from.where}`
  const found = yield * all<Record<string, string | number>>(
    `SELECT ${from.columns} FROM ${from.table} WHERE (${keys}) > (${from.key.map(() => '?').join(', ')})${condition} ORDER BY ${keys} LIMIT ?`,
    ...after ?? from.start, limit)
  const rows: Array<ExportedRows[T]> = []
  for (const row of found) {
    const made = from.of(row)
    rows.push(isOperation(made) ? yield * made : made)
  }
  const last = found.at(-1)
  return { rows, next: last === undefined || found.length < limit ? null : from.key.map((column) => last[column]!) }
}

const isOperation = <R>(made: R | Operation<R>): made is Operation<R> => typeof made === 'object' && made !== null && Symbol.iterator in made
