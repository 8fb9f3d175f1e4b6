// Answers about what is left.
import { count, figure } from '../../wording.ts'
import type { Answer, Desk } from '../desk.ts'
import type { StockRecord } from '../shop-records.ts'
import { amount, quoted, readAge } from './shop-wording.ts'

const SHOWN = 10

export async function * stock (query: string | null, desk: Desk): Answer {
  const record = await desk.use('stock', { limit: SHOWN, ...(query === null ? {} : { query }) })
  const read = readAge(record.read_at, desk.now())
  const { found } = record
  if (found !== null) {
    if (found.total === 0) {
      yield `No active product has “${query!}” in its title or SKU (${count(record.active_variants, 'variant')} looked at, ${read}).`
      return
    }
    yield `${count(found.total, 'variant')} found for “${query!}”, ${read}${found.total > found.variants.length ? `; the first ${found.variants.length}` : ''}:`
    yield * found.variants.map((variant) => lineOf(variant, record.currency))
    return
  }
  const sold = `${count(record.active_variants, 'variant')} of ${count(record.active_products, 'active product')}`
  const uncounted = record.not_counted === 0 ? '' : `; the stock of ${figure(record.not_counted)} is not counted by Shopify`
  yield `Of ${sold}, ${figure(record.out_of_stock)} ${record.out_of_stock === 1 ? 'is' : 'are'} out of stock and ${figure(record.low)} ` +
    `low (1 to 5 left)${uncounted}; ${read}.`
  yield * part('Out of stock', record.out_of_stock, record.out_of_stock_variants, record.currency)
  yield * part('Low', record.low, record.low_variants, record.currency)
}

function * part (title: string, total: number, variants: StockRecord[], currency: string): Iterable<string> {
  if (total === 0) return
  yield `${title}${total > variants.length ? `, the first ${variants.length} of ${figure(total)}` : ''}:`
  yield * variants.map((variant) => lineOf(variant, currency))
}

const lineOf = (variant: StockRecord, currency: string): string => {
  // Shopify's name for the only variant of a product.
  const name = variant.variant === 'Default Title' ? variant.product : `${variant.product}, ${variant.variant}`
  const sku = variant.sku === null ? '' : ` (${quoted(variant.sku)})`
  const { available } = variant
  const left = available === null ? 'not counted' : available < 0 ? `${figure(-available)} oversold` : `${figure(available)} left`
  const more = variant.incoming !== null && variant.incoming > 0 ? `, ${figure(variant.incoming)} on the way` : ''
  const sells = variant.state === 'out' && variant.sells_when_out_of_stock ? ', still sold' : ''
  return `- ${quoted(name)}${sku}: ${left}${more}${sells}; ${amount(variant.price, currency)}`
}
