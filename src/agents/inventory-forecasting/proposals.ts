// Turns the reorder list into proposals: one a supplier, with the arithmetic of each line.
import type { DraftOf } from '../../core/effects/proposal.ts'
import type { Json } from '../../core/model.ts'
import type { Money } from '../../core/money.ts'
import { count, figure, oneLine } from '../wording.ts'
import { byCurrency } from './dead-stock.ts'
import type { ReorderLine } from './schemas.ts'

/** What a person can decide together. */
const MOST_ITEMS = 100
/** Two days: the next run files a newer plan. */
const VALID_MS = 48 * 3_600_000

export interface ProposalFacts {
  as_of: string
  source: 'live' | 'sandbox'
  service_level: number
  order_cover_days: number
  /** Of the shop: for lines whose cost is unknown. */
  currency: string
}

type Draft = DraftOf<'purchase_order'>

/** Suppliers in the order of their most urgent line. A supplier with more than hundred lines gets several. */
export const purchaseProposals = (lines: ReorderLine[], facts: ProposalFacts): Draft[] => {
  const bySupplier = new Map<string, ReorderLine[]>()
  for (const line of lines) {
    const own = bySupplier.get(line.supplier ?? '')
    if (own === undefined) bySupplier.set(line.supplier ?? '', [line])
    else own.push(line)
  }
  return [...bySupplier].flatMap(([supplier, own]) => {
    const parts = Math.ceil(own.length / MOST_ITEMS)
    return Array.from({ length: parts }, (_, part) => draftOf(supplier, own.slice(part * MOST_ITEMS, (part + 1) * MOST_ITEMS), facts, part, parts))
  })
}

const draftOf = (supplier: string, lines: ReorderLine[], facts: ProposalFacts, part: number, parts: number): Draft => {
  const units = lines.reduce((sum, { quantity }) => sum + quantity, 0)
  const unknown = lines.filter(({ unit_cost: cost }) => cost === null).length
  const values = byCurrency(lines.map(({ value }) => value))
  const from = supplier === '' ? 'a supplier that is not on the list' : `“${supplier}”`
  const which = parts > 1 ? ` (part ${part + 1} of ${parts})` : ''
  return {
    class: 'purchase_order',
    key: `reorder:${supplier === '' ? 'no supplier' : supplier}${part === 0 ? '' : `:${part + 1}`}`,
    title: `Order ${count(units, 'unit')} of ${count(lines.length, 'variant')} from ${from}${which}: ${valueText(values, unknown)}.`,
    rationale: [
      `Orders as of ${facts.as_of} (${facts.source}). Ordered is what is at or below its reorder point: the demand of the lead time that is not exceeded ` +
      `with ${figure(facts.service_level * 100)} %.`,
      `Needed = reorder point + expected demand of the ${facts.order_cover_days} days after the arrival - available - incoming.`,
      ...lines.map(arithmeticOf)
    ],
    items: lines.map((line) => ({
      variant_id: line.variant_id,
      sku: line.sku === null || line.sku === '' ? null : line.sku.slice(0, 200),
      title: line.title,
      supplier: line.supplier,
      quantity: line.quantity,
      unit_cost: line.unit_cost === null ? null : line.unit_cost.amount,
      currency: line.unit_cost === null ? facts.currency : line.unit_cost.currency
    })),
    evidence: { ...facts, units, value: values, lines_without_cost: unknown, lines: lines.map(evidenceOf) } as unknown as Json,
    expected_gain: null,
    valid_for_ms: VALID_MS
  }
}

const valueText = (values: Money[], unknown: number): string => {
  const known = values.map(({ amount, currency }) => `${amount} ${currency}`).join(' + ')
  if (unknown === 0) return known
  return known === '' ? 'value unknown' : `${known}, and ${count(unknown, 'line')} of unknown cost`
}

/** `SKU title: 3 available + 0 incoming <= reorder point 12 (...); 12 + 10.2 - 3 = 20, in packs of 12: 24.` */
const arithmeticOf = (line: ReorderLine): string => {
  const { available, incoming, needed, quantity, moq, pack_size: pack } = line
  const lead = `${line.lead_time_days} days of lead time${line.lead_time_assumed ? ' (assumed)' : ''}`
  const demand = `${figure(line.lead_time_demand)} expected in ${lead}, 95 % between ${figure(line.lead_time_demand_lower)} and ` +
    `${figure(line.lead_time_demand_upper)}; ${line.class}, ${line.models.join(' + ')}`
  const bounds = [moq > needed ? `at least ${moq}` : '', pack > 1 ? `in packs of ${pack}` : ''].filter((text) => text !== '')
  const rounded = quantity === needed ? '' : `, ${bounds.join(' ')}: ${quantity}`
  const runsOut = available <= 0 ? ' It is out of stock.' : line.stock_out_date === null ? '' : ` The stock is expected to last until ${line.stock_out_date}.`
  const name = `${line.sku === null ? '' : `${oneLine(line.sku, 80)} `}“${oneLine(line.title, 120)}”`
  return `${name}: ${available} available + ${incoming} incoming <= reorder point ${line.reorder_point} (${demand}). ` +
    `${line.reorder_point} + ${figure(line.cover_demand)} - ${available} - ${incoming} = ${needed}${rounded}.${runsOut}`
}

const evidenceOf = (line: ReorderLine) => ({
  variant_id: line.variant_id,
  available: line.available,
  incoming: line.incoming,
  lead_time_demand: line.lead_time_demand,
  reorder_point: line.reorder_point,
  days_of_cover: line.days_of_cover,
  class: line.class,
  mase: line.mase,
  mase_seasonal_naive: line.mase_seasonal_naive
})
