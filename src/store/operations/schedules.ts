// Schedules, and the state of the agents that they start.
import { firstDue } from '../../core/cron.ts'
import { decodeNumberCursor, encodeCursor } from '../../core/cursor.ts'
import type { AgentState, Json, Page, Schedule, ScheduleRun } from '../../core/model.ts'
import type { FireSchedule, PageRequest, ScheduleChange } from '../../core/store.ts'
import { pageOf } from '../page.ts'
import { all, one, run, type Operation, type Tx } from '../statement.ts'
import { insertJob } from './jobs.ts'

export interface ScheduleRow extends Omit<Schedule, 'input' | 'paused' | 'built_in'> {
  input: string
  paused: number
  built_in: number
}

export const scheduleOf = (row: ScheduleRow): Schedule =>
  ({ ...row, input: JSON.parse(row.input) as Json, paused: row.paused === 1, built_in: row.built_in === 1 })

export const SCHEDULE_COLUMNS = 'id, agent, cron, timezone, input, paused, built_in, next_due_at, last_due_at, created_at, updated_at'

export function * listSchedules (): Operation<Schedule[]> {
  return (yield * all<ScheduleRow>(`SELECT ${SCHEDULE_COLUMNS} FROM schedules ORDER BY id`)).map(scheduleOf)
}

export function * getSchedule (_tx: Tx, id: string): Operation<Schedule | undefined> {
  const row = yield * one<ScheduleRow>(`SELECT ${SCHEDULE_COLUMNS} FROM schedules WHERE id = ?`, id)
  return row === undefined ? undefined : scheduleOf(row)
}

export function * saveSchedule (tx: Tx, { schedule, mode }: { schedule: Schedule, mode: 'insert' | 'update' }): Operation<boolean> {
  const known = (yield * getSchedule(tx, schedule.id)) !== undefined
  if (known === (mode === 'insert')) return false
  yield * run(
    `INSERT INTO schedules (${SCHEDULE_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET agent = excluded.agent, cron = excluded.cron, timezone = excluded.timezone, input = excluded.input,
       paused = excluded.paused, next_due_at = excluded.next_due_at, updated_at = excluded.updated_at`,
    schedule.id, schedule.agent, schedule.cron, schedule.timezone, JSON.stringify(schedule.input), schedule.paused ? 1 : 0,
    schedule.built_in ? 1 : 0, schedule.next_due_at, schedule.last_due_at, schedule.created_at, schedule.updated_at)
  tx.notice.plans = true
  return true
}

export function * changeSchedule (
  tx: Tx, { id, change, now }: { id: string, change: ScheduleChange, now: number }
): Operation<Schedule | undefined> {
  const old = yield * getSchedule(tx, id)
  if (old === undefined) return undefined
  const merged = { ...old, ...change, updated_at: now }
  const replanned = merged.cron !== old.cron || merged.timezone !== old.timezone || (old.paused && !merged.paused)
  const schedule = replanned ? { ...merged, next_due_at: firstDue(merged.cron, merged.timezone, now) } : merged
  yield * saveSchedule(tx, { schedule, mode: 'update' })
  return schedule
}

export function * deleteSchedule (tx: Tx, id: string): Operation<boolean> {
  const deleted = yield * all('DELETE FROM schedules WHERE id = ? RETURNING id', id)
  yield * run('DELETE FROM schedule_runs WHERE schedule_id = ?', id)
  tx.notice.plans = true
  return deleted.length > 0
}

/** New built-in schedules come in, vanished ones go; those that exist follow the code until somebody changes them, and then keep that. */
export function * syncSchedules (tx: Tx, { schedules }: { schedules: Schedule[] }): Operation<void> {
  const known = (yield * listSchedules()).filter((schedule) => schedule.built_in)
  for (const gone of known.filter((old) => !schedules.some((schedule) => schedule.id === old.id))) yield * deleteSchedule(tx, gone.id)
  for (const schedule of schedules) {
    const old = known.find((one) => one.id === schedule.id)
    // A change by hand moves updated_at; a firing does not.
    const untouched = old !== undefined && old.updated_at === old.created_at
    if (untouched && (old.cron !== schedule.cron || old.timezone !== schedule.timezone)) {
      yield * saveSchedule(tx, { schedule: { ...schedule, updated_at: old.created_at }, mode: 'update' })
    } else {
      yield * saveSchedule(tx, { schedule, mode: 'insert' })
    }
  }
}

export function * listScheduleRuns (_tx: Tx, { id, page }: { id: string, page: PageRequest }): Operation<Page<ScheduleRun>> {
  const list = `schedule-runs-${id}`
  const before = page.cursor === undefined ? Number.MAX_SAFE_INTEGER : decodeNumberCursor(list, page.cursor)
  const rows = yield * all<ScheduleRun>(
    'SELECT * FROM schedule_runs WHERE schedule_id = ? AND due_at < ? ORDER BY due_at DESC LIMIT ?', id, before, page.limit + 1)
  return pageOf(rows, page.limit, (last) => encodeCursor(list, last.due_at))
}

/**
 * One due instant becomes one job: the compare-and-set on next_due_at and the key (schedule, due_at) let nobody fire it twice.
 * While an earlier run of the schedule is not finished, the instant is recorded as skipped.
 */
export function * fireSchedule (tx: Tx, args: FireSchedule): Operation<'queued' | 'skipped_overlap' | 'stale'> {
  const moved = yield * all(
    'UPDATE schedules SET last_due_at = ?, next_due_at = ? WHERE id = ? AND next_due_at = ? AND paused = 0 RETURNING id',
    args.due_at, args.next_due_at, args.id, args.expected_due_at)
  if (moved.length === 0) return 'stale'
  const key = `schedule:${args.id}`
  const overlap = yield * one('SELECT id FROM jobs WHERE active = 1 AND dedupe_key = ?', key)
  const outcome = overlap === undefined ? 'queued' : 'skipped_overlap'
  const claimed = yield * all(
    `INSERT INTO schedule_runs (schedule_id, due_at, fired_at, job_id, outcome, missed) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (schedule_id, due_at) DO NOTHING RETURNING due_at`,
    args.id, args.due_at, args.now, outcome === 'queued' ? args.job.id : null, outcome, args.missed)
  if (claimed.length === 0) return 'stale'
  if (outcome === 'queued') yield * insertJob(tx, { ...args.job, dedupe_key: key })
  tx.notice.plans = true
  return outcome
}

export function * agentStates (): Operation<AgentState[]> {
  const rows = yield * all<Omit<AgentState, 'enabled'> & { enabled: number }>('SELECT * FROM agents ORDER BY name')
  return rows.map((row) => ({ ...row, enabled: row.enabled === 1 }))
}
