// The owner's list of competitors' prices: which of its rows can be used, and what they say of each SKU.
import type { Feed } from '../../core/shop-history.ts'
import { coinsOf } from '../shop/coins.ts'

const DAY = 86_400_000
/** Clocks differ: what was seen a little ahead of ours is taken. */
const AHEAD = 3_600_000

export interface CompetitorPrice {
  /** In coins; the median of the latest price of each competitor. */
  median: number
  lowest: number
  competitors: number
  /** The oldest of those that count, milliseconds since the epoch. */
  oldest: number
}

export interface CompetitorReading {
  prices: Map<string, CompetitorPrice>
  rows: number
  used: number
  stale: number
  other_currency: number
  invalid: number
  /** Older than another row of the same competitor and SKU. */
  superseded: number
}

export const readCompetitors = (
  feed: Feed | undefined, { currency, now, maxAgeDays }: { currency: string, now: number, maxAgeDays: number }
): CompetitorReading => {
  const reading: CompetitorReading = { prices: new Map(), rows: 0, used: 0, stale: 0, other_currency: 0, invalid: 0, superseded: 0 }
  const latest = new Map<string, Map<string, { at: number, price: number }>>()
  for (const row of feed?.rows ?? []) {
    reading.rows += 1
    const sku = (row['sku'] ?? '').trim()
    const at = momentOf((row['observed_at'] ?? '').trim())
    const price = coinsOf((row['price'] ?? '').trim(), currency)
    const rowCurrency = (row['currency'] ?? '').trim().toUpperCase()
    if (sku === '' || at === null || at > now + AHEAD || !/^[A-Z]{3}$/.test(rowCurrency)) reading.invalid += 1
    else if (rowCurrency !== currency) reading.other_currency += 1
    else if (price === null || price <= 0) reading.invalid += 1
    else if (at < now - maxAgeDays * DAY) reading.stale += 1
    else {
      const competitor = (row['competitor'] ?? '').trim().toLowerCase()
      const known = latest.get(sku) ?? new Map<string, { at: number, price: number }>()
      const before = known.get(competitor)
      if (before !== undefined) reading.superseded += 1
      if (before === undefined || at >= before.at) known.set(competitor, { at, price })
      latest.set(sku, known)
    }
  }
  for (const [sku, byName] of latest) {
    const rows = [...byName.values()]
    const prices = rows.map(({ price }) => price).sort((a, b) => a - b)
    reading.used += rows.length
    reading.prices.set(sku, {
      median: Math.round((prices[Math.floor((prices.length - 1) / 2)]! + prices[Math.ceil((prices.length - 1) / 2)]!) / 2),
      lowest: prices[0]!,
      competitors: rows.length,
      oldest: Math.min(...rows.map(({ at }) => at))
    })
  }
  return reading
}

const DATE = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2}))?$/

/** Dates and moments in ISO-8601; a date is its first moment in UTC. Others could mean two days. */
const momentOf = (text: string): number | null => {
  if (!DATE.test(text)) return null
  const at = Date.parse(text)
  return Number.isNaN(at) ? null : at
}
