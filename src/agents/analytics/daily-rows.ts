// The closed days as rows of the warehouse: one a day, written again without harm.
import { createHash } from 'node:crypto'
import type { AgentContext } from '../../core/agent.ts'
import type { Cell, Column } from '../../core/warehouse.ts'
import { oneLine } from '../wording.ts'
import type { DayClose } from './close.ts'
import type { AnalyticsOutput } from './schemas.ts'

const COLUMNS: readonly Column[] = [
  { name: 'day', type: 'DATE', required: true },
  { name: 'as_of', type: 'TIMESTAMP', required: true },
  { name: 'source', type: 'STRING', required: true },
  { name: 'currency', type: 'STRING', required: true },
  { name: 'timezone', type: 'STRING', required: true },
  { name: 'orders', type: 'INT64' },
  { name: 'cancelled', type: 'INT64' },
  { name: 'units', type: 'INT64' },
  { name: 'gross', type: 'NUMERIC' },
  { name: 'discounts', type: 'NUMERIC' },
  { name: 'returns', type: 'NUMERIC' },
  { name: 'net', type: 'NUMERIC' },
  { name: 'shipping', type: 'NUMERIC' },
  { name: 'refunds', type: 'INT64' },
  { name: 'refunded', type: 'NUMERIC' },
  { name: 'average_order', type: 'NUMERIC' },
  { name: 'cogs', type: 'NUMERIC' },
  { name: 'units_without_cost', type: 'INT64' },
  { name: 'margin_state', type: 'STRING' },
  { name: 'margin', type: 'NUMERIC' },
  { name: 'margin_coverage', type: 'FLOAT64' },
  { name: 'new_customers', type: 'INT64' },
  { name: 'returning_customers', type: 'INT64' },
  { name: 'guests', type: 'INT64' },
  { name: 'refund_rate_percent', type: 'FLOAT64' },
  { name: 'sent_orders', type: 'INT64' },
  { name: 'sent_median_hours', type: 'FLOAT64' }
]

/** How the shop was when the days were closed. */
export interface Stamp {
  as_of: number
  source: string
  currency: string
  timezone: string
}

const rowOf = (day: DayClose, stamp: Stamp): Record<string, Cell> => ({
  day: day.day,
  as_of: stamp.as_of,
  source: stamp.source,
  currency: stamp.currency,
  timezone: stamp.timezone,
  orders: day.orders,
  cancelled: day.cancelled,
  units: day.units,
  gross: day.gross,
  discounts: day.discounts,
  returns: day.returns,
  net: day.net,
  shipping: day.shipping,
  refunds: day.refunds,
  refunded: day.refunded,
  average_order: day.average_order,
  cogs: day.cogs,
  units_without_cost: day.units_without_cost,
  margin_state: day.margin.state,
  margin: day.margin.amount,
  margin_coverage: day.margin.coverage,
  new_customers: day.new_customers,
  returning_customers: day.returning_customers,
  guests: day.guests,
  refund_rate_percent: day.refund_rate_percent,
  sent_orders: day.sent.orders,
  sent_median_hours: day.sent.median_hours
})

/**
 * Names these very rows. `as_of` is among them: figures that go from A to B and back to A are three writes, and the last one has to count.
 */
const effectKeyOf = (table: string, rows: ReadonlyArray<Record<string, Cell>>): string => {
  const days = [rows[0]?.['day'], rows.at(-1)?.['day']]
  const hash = createHash('sha256').update(JSON.stringify([table, rows])).digest('hex').slice(0, 32)
  return `daily_close:${days[0] === days[1] ? days[0] : days.join('..')}:${hash}`
}

/** Merges the rows by day. A warehouse that fails is a part of the answer: the digest does not wait for it. */
export const writeDays = async (
  { ports: { warehouse }, signal, log }: Pick<AgentContext, 'ports' | 'signal' | 'log'>, table: string, days: readonly DayClose[], stamp: Stamp
): Promise<AnalyticsOutput['warehouse']> => {
  const part = { table: null, source: null, rows: 0, table_created: false, job_id: null, error: null }
  if (warehouse === undefined) return { ...part, state: 'not_configured' }
  const named = { ...part, table: `${warehouse.name}.${table}`, source: warehouse.source }
  if (days.length === 0) return { ...named, state: 'nothing_to_write' }
  let made = false
  try {
    const rows = days.map((day) => rowOf(day, stamp))
    const { created } = await warehouse.createTable({ table, columns: COLUMNS, partition_by: 'day' }, { signal })
    made = created
    const { job_id: job } = await warehouse.merge({ table, columns: COLUMNS, rows, key: ['day'] }, { effect_key: effectKeyOf(table, rows), signal })
    return { ...named, state: 'written', rows: rows.length, table_created: made, job_id: job }
  } catch (error) {
    signal.throwIfAborted()
    const { code = 'unexpected', message } = error as Error & { code?: string }
    log.warn({ err: error, table }, 'the closed days were not written to the warehouse')
    return { ...named, state: 'failed', table_created: made, error: { code, message: oneLine(message) } }
  }
}
