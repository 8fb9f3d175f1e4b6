// The owner's list of suppliers: who delivers a SKU, how long it takes, how many at least and in which packs.
import { isDecimal, type Money } from '../../core/money.ts'
import type { Feed } from '../../core/shop-history.ts'
import { oneLine } from '../wording.ts'

export interface Supply {
  supplier: string | null
  lead_time_days: number
  /** Days; 0: nothing is known of how much it differs. */
  lead_time_sd: number
  /** Units at least. */
  moq: number
  /** Orders are multiples of it. */
  pack_size: number
  /** Null: unknown. */
  unit_cost: Money | null
  /** Of the cost, where the list says it. */
  currency: string | null
  /** The lead time is not the list's. */
  assumed_lead_time: boolean
}

export interface SupplyList {
  by_sku: Map<string, Supply>
  rows: number
  /** Rows or cells that were not used, by reason. */
  ignored: Record<string, number>
}

const LONGEST_LEAD_DAYS = 365
const MOST_UNITS = 1_000_000

export const readSuppliers = (feed: Feed | undefined, defaultLeadDays: number): SupplyList => {
  const list: SupplyList = { by_sku: new Map(), rows: feed?.rows.length ?? 0, ignored: {} }
  const ignore = (reason: string): void => { list.ignored[reason] = (list.ignored[reason] ?? 0) + 1 }
  for (const row of feed?.rows ?? []) {
    const sku = (row['sku'] ?? '').trim()
    if (sku === '') ignore('row without SKU')
    else if (list.by_sku.has(sku)) ignore('SKU listed before')
    else list.by_sku.set(sku, supplyOf(row, defaultLeadDays, ignore))
  }
  return list
}

/** Of a SKU that is on no list. */
export const assumedSupply = (defaultLeadDays: number): Supply => ({
  supplier: null, lead_time_days: defaultLeadDays, lead_time_sd: 0, moq: 1, pack_size: 1, unit_cost: null, currency: null, assumed_lead_time: true
})

const supplyOf = (row: Record<string, string>, defaultLeadDays: number, ignore: (reason: string) => void): Supply => {
  const cell = (name: string): string => (row[name] ?? '').trim()
  /** Undefined for an empty cell and for one that makes no sense. */
  const whole = (name: string, least: number, most: number): number | undefined => {
    const text = cell(name)
    if (text === '') return undefined
    const value = /^\d{1,9}$/.test(text) ? Number(text) : NaN
    if (value >= least && value <= most) return value
    ignore(`${name} is no number from ${least} to ${most}`)
    return undefined
  }
  const lead = whole('lead_time_days', 1, LONGEST_LEAD_DAYS)
  const supplier = oneLine(cell('supplier'), 200)
  const currency = /^[A-Z]{3}$/.test(cell('currency').toUpperCase()) ? cell('currency').toUpperCase() : null
  return {
    supplier: supplier === '' ? null : supplier,
    lead_time_days: lead ?? defaultLeadDays,
    lead_time_sd: deviationOf(cell('lead_time_sd'), ignore),
    moq: whole('moq', 0, MOST_UNITS) ?? 1,
    pack_size: whole('pack_size', 1, MOST_UNITS) ?? 1,
    unit_cost: costOf(cell('unit_cost'), currency, ignore),
    currency,
    assumed_lead_time: lead === undefined
  }
}

const deviationOf = (text: string, ignore: (reason: string) => void): number => {
  if (text === '') return 0
  const days = /^\d{1,3}(\.\d{1,3})?$/.test(text) ? Number(text) : NaN
  if (days <= LONGEST_LEAD_DAYS) return days
  ignore('lead_time_sd is no number of days')
  return 0
}

/** Without a currency an amount says nothing. */
const costOf = (text: string, currency: string | null, ignore: (reason: string) => void): Money | null => {
  if (text === '') return null
  if (/^\d{1,14}(\.\d{1,4})?$/.test(text) && isDecimal(text) && currency !== null) return { amount: text, currency }
  ignore(currency === null ? 'unit_cost without a currency' : 'unit_cost is no amount')
  return null
}
