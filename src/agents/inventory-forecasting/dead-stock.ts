// What lies in stock and is not sold: units, value, and when it was sold last.
import type { Variant } from '../../core/commerce.ts'
import { addMoney, multiplyMoney, type Money } from '../../core/money.ts'
import { oneLine } from '../wording.ts'
import { MOST_DEAD, type DeadLine, type ForecastOutput } from './schemas.ts'

export interface StockRow {
  variant: Variant
  available: number
  unit_cost: Money | null
  /** Days since the last sale; null: none in the history. */
  idle_days: number | null
  /** Days that its sales are known for. */
  known_days: number
  last_sold: string | null
}

/** The most valuable first, then those of unknown value by units. `days`: of the whole history. */
export const deadStock = (rows: StockRow[], limit: number, days: number): ForecastOutput['dead_stock'] => {
  const none = { total: 0, units: 0, value: [], without_cost: 0, shown: 0, lines: [] }
  if (days < limit) return { state: 'too_little_history', ...none }
  const lines = rows
    .filter(({ available, idle_days: idle, known_days: known }) => available > 0 && known >= limit && (idle === null || idle >= limit))
    .map(({ variant, available, unit_cost: cost, last_sold: lastSold }): DeadLine => ({
      variant_id: variant.id,
      sku: variant.sku,
      title: titleOf(variant),
      available,
      last_sold: lastSold,
      value: cost === null ? null : multiplyMoney(cost, available)
    }))
    .sort((a, b) => Number(b.value?.amount ?? -1) - Number(a.value?.amount ?? -1) || b.available - a.available || (a.variant_id < b.variant_id ? -1 : 1))
  const shown = lines.slice(0, MOST_DEAD)
  return {
    state: 'known',
    total: lines.length,
    units: lines.reduce((sum, { available }) => sum + available, 0),
    value: byCurrency(lines.map(({ value }) => value)),
    without_cost: lines.filter(({ value }) => value === null).length,
    shown: shown.length,
    lines: shown
  }
}

/** Sums by currency, in the order of their names; unknown values are left out. */
export const byCurrency = (values: Array<Money | null>): Money[] => {
  const sums = new Map<string, Money>()
  for (const value of values) {
    if (value === null) continue
    const sum = sums.get(value.currency)
    sums.set(value.currency, sum === undefined ? value : addMoney(sum, value))
  }
  return [...sums.values()].sort((a, b) => a.currency < b.currency ? -1 : 1)
}

/** Shopify calls the variant of a product without options so. */
const ONLY_VARIANT = 'Default Title'

export const titleOf = ({ product_title: product, title }: Variant): string =>
  oneLine(title === '' || title === ONLY_VARIANT ? product : `${product} / ${title}`, 200) || 'untitled'
