// Reads the owner's list of candidates and of suppliers row by row: what cannot be understood is counted with its reason, and nothing is guessed.
import { addMoney, type Money } from '../../core/money.ts'
import type { Feed } from '../../core/shop-history.ts'
import { oneLine } from '../wording.ts'

export interface Candidate {
  /** Line of the list, from 1, without the header. */
  row: number
  title: string
  type: string
  supplier: string
  sku: string
  unit_cost: Money
  shipping_cost: Money
  /** unit_cost + shipping_cost: one unit in the warehouse. */
  landed: Money
  suggested_price: Money
  /** Null: neither the row nor the supplier says. */
  lead_time_days: number | null
  moq: number | null
  description: string
}

export const ROW_FAULTS = [
  'no_title', 'no_type', 'no_supplier', 'no_sku', 'bad_unit_cost', 'bad_currency', 'other_currency', 'bad_shipping_cost', 'bad_suggested_price',
  'bad_lead_time', 'bad_moq', 'sku_twice', 'too_many_rows'
] as const
export type RowFault = typeof ROW_FAULTS[number]

export interface InvalidRow {
  row: number
  reason: RowFault
}

export interface Supplier {
  lead_time_days: number | null
  moq: number | null
}

const MOST_ROWS = 2_000
const LONGEST_LEAD_TIME = 730
const LARGEST_MOQ = 1_000_000
const LONGEST = { title: 250, type: 200, supplier: 200, sku: 200, description: 5_000 }

/** By name in lower case. Rows without a name, and figures that are none, are passed over: they are only a help. */
export const suppliersOf = (feed: Feed | undefined): Map<string, Supplier> => {
  const suppliers = new Map<string, Supplier>()
  for (const row of feed?.rows ?? []) {
    const cells = cellsOf(row)
    const name = cells('supplier', 'vendor', 'name')
    if (name === '') continue
    suppliers.set(name.toLowerCase(), {
      lead_time_days: wholeOf(cells('lead_time_days', 'lead_time'), LONGEST_LEAD_TIME) ?? null,
      moq: wholeOf(cells('moq', 'minimum_order_quantity'), LARGEST_MOQ) ?? null
    })
  }
  return suppliers
}

/** @param currency of the shop: amounts in another one are not converted. */
export const candidatesOf = (
  feed: Feed, suppliers: ReadonlyMap<string, Supplier>, currency: string
): { candidates: Candidate[], invalid: InvalidRow[] } => {
  const candidates: Candidate[] = []
  const invalid: InvalidRow[] = []
  const seen = new Set<string>()
  for (const [index, row] of feed.rows.entries()) {
    const found = index < MOST_ROWS ? candidateOf(row, index + 1, suppliers, currency) : 'too_many_rows'
    const key = typeof found === 'string' ? '' : found.sku.toLowerCase()
    if (typeof found === 'string') invalid.push({ row: index + 1, reason: found })
    else if (seen.has(key)) invalid.push({ row: index + 1, reason: 'sku_twice' })
    else {
      seen.add(key)
      candidates.push(found)
    }
  }
  return { candidates, invalid }
}

const candidateOf = (row: Record<string, string>, number: number, suppliers: ReadonlyMap<string, Supplier>, currency: string): Candidate | RowFault => {
  const cells = cellsOf(row)
  const title = oneLine(cells('title'), LONGEST.title)
  const type = oneLine(cells('type', 'product_type'), LONGEST.type)
  const name = oneLine(cells('supplier', 'vendor'), LONGEST.supplier)
  const sku = oneLine(cells('sku'), LONGEST.sku)
  if (title === '') return 'no_title'
  if (type === '') return 'no_type'
  if (name === '') return 'no_supplier'
  if (sku === '') return 'no_sku'
  const own = cells('currency').toUpperCase()
  if (!/^[A-Z]{3}$/.test(own)) return 'bad_currency'
  if (own !== currency) return 'other_currency'
  const amountOf = (text: string): Money | undefined => {
    const amount = decimalOf(text)
    return amount === undefined ? undefined : { amount, currency }
  }
  const cost = amountOf(cells('unit_cost'))
  // What costs nothing was not entered.
  if (cost === undefined || Number(cost.amount) === 0) return 'bad_unit_cost'
  const shipping = amountOf(cells('shipping_cost'))
  if (shipping === undefined) return 'bad_shipping_cost'
  const price = amountOf(cells('suggested_price'))
  if (price === undefined || Number(price.amount) === 0) return 'bad_suggested_price'
  const supplier = suppliers.get(name.toLowerCase())
  const lead = optional(cells('lead_time_days'), LONGEST_LEAD_TIME)
  if (lead === undefined) return 'bad_lead_time'
  const moq = optional(cells('moq'), LARGEST_MOQ)
  if (moq === undefined) return 'bad_moq'
  return {
    row: number,
    title,
    type,
    supplier: name,
    sku,
    unit_cost: cost,
    shipping_cost: shipping,
    landed: addMoney(cost, shipping),
    suggested_price: price,
    lead_time_days: lead ?? supplier?.lead_time_days ?? null,
    moq: moq ?? supplier?.moq ?? null,
    description: cells('description').slice(0, LONGEST.description)
  }
}

/** Reads cells by any of their names, whatever their case and spaces. */
const cellsOf = (row: Record<string, string>): (...names: string[]) => string => {
  const cells = new Map(Object.entries(row).map(([name, value]) => [name.trim().toLowerCase().replaceAll(/[\s-]+/g, '_'), value.trim()]))
  return (...names) => names.map((name) => cells.get(name) ?? '').find((value) => value !== '') ?? ''
}

/** `12.5`, `12,50`; undefined for anything that could mean two things (`1,234`), is below 0 or no number. */
const decimalOf = (text: string): string | undefined =>
  /^\d{1,10}(?:\.\d{1,4})?$/.test(text) ? text : /^\d{1,10},\d{1,2}$/.test(text) ? text.replace(',', '.') : undefined

const wholeOf = (text: string, most: number): number | undefined => {
  const value = /^\d{1,7}$/.test(text) ? Number(text) : 0
  return value >= 1 && value <= most ? value : undefined
}

/** Null for an empty cell, undefined for a wrong one. */
const optional = (text: string, most: number): number | null | undefined => text === '' ? null : wholeOf(text, most)
