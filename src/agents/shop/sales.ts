// What the orders of a time add up to: sales, customers and best sellers, exact to the cent.
// Shopify's own reports differ in one point: they keep cancelled orders among the sales and take them off as returns.
import type { OrderGoods, OrderSales } from '../../core/commerce.ts'
import { addMoney, compareMoney, subtractMoney, sumMoney, type Money } from '../../core/money.ts'

/** Milliseconds since the epoch; `before` is no part of it. */
export interface Span {
  from: number
  before: number
}

/** Amounts are decimals with at least two digits after the point, in the shop's currency; with tax where the shop's prices include it. */
export interface Sales {
  /** Placed, with those that were cancelled since; without test orders. */
  orders: number
  cancelled: number
  /** Ordered, in orders that count: neither test nor cancelled. As the amounts. */
  units: number
  /** Lines at their price. */
  gross: string
  discounts: string
  /** gross - discounts */
  net_before_refunds: string
  /** Goods that went back in this time, whenever they were sold. */
  refunds: string
  /** gross - discounts - refunds */
  net: string
  /** Charged for sending; no part of the net. */
  shipping: string
  /** net_before_refunds by orders that count, rounded to the cent; null without any. */
  average_order: string | null
}

export interface SalesTally {
  /** An order may be added more than once: the first time counts. */
  add (order: OrderSales): void
  /** Refunds of the span, of orders that count: their goods are wanted for the result. */
  refundIds (): string[]
  /**
   * `goods`: what went back, by the refund's id. Default: none. @throws Error when a refund is not among it; CurrencyMismatchError when the orders are
   * not all in the shop's currency.
   */
  result (goods?: ReadonlyMap<string, Money>): Sales
}

const isIn = (at: number, { from, before }: Span): boolean => at >= from && at < before

/** Neither a trial nor taken back: its money is in the figures. */
const counts = (order: Pick<OrderSales, 'test' | 'cancelled_at'>): boolean => !order.test && order.cancelled_at === null

/** Takes orders of any time and keeps what belongs to the span: their sales by creation, their refunds by the refund's. */
export const tallySales = (span: Span, currency: string): SalesTally => {
  const zero: Money = { amount: '0', currency }
  const seen = new Set<string>()
  let orders = 0
  let cancelled = 0
  let counting = 0
  let units = 0
  let gross = zero
  let discounts = zero
  let shipping = zero
  const refundIds: string[] = []
  return {
    add (order) {
      if (order.test || seen.has(order.id)) return
      seen.add(order.id)
      const within = isIn(order.created_at, span)
      if (within) {
        orders += 1
        if (order.cancelled_at !== null) cancelled += 1
      }
      // Its sale does not count, so that what it gave back must not be taken off.
      if (!counts(order)) return
      for (const refund of order.refunds) {
        if (isIn(refund.created_at, span)) refundIds.push(refund.id)
      }
      if (!within) return
      counting += 1
      shipping = addMoney(shipping, order.shipping)
      units += order.units
      gross = addMoney(gross, order.gross)
      discounts = addMoney(discounts, order.discounts)
    },
    refundIds: () => [...refundIds],
    result (goods = new Map()) {
      const before = subtractMoney(gross, discounts)
      const refunds = sumMoney(refundIds.map((id) => goods.get(id) ?? unread(id)), currency)
      return {
        orders,
        cancelled,
        units,
        gross: decimal(gross),
        discounts: decimal(discounts),
        net_before_refunds: decimal(before),
        refunds: decimal(refunds),
        net: decimal(subtractMoney(before, refunds)),
        shipping: decimal(shipping),
        average_order: counting === 0 ? null : divided(before.amount, counting)
      }
    }
  }
}

/** A refund that nobody looked at is no refund of 0. */
const unread = (id: string): never => { throw new Error(`The goods of refund ${id} were not read.`) }

export interface Customers {
  /** Customers whose first order ever was made in this time. */
  new: number
  returning: number
  /** Orders without a customer. */
  guests: number
}

/**
 * Who bought in the span. `orders` must hold every order since its begin, up to the time of reading: what a customer had ordered before is the
 * customer's number of orders without these.
 */
export const customersOf = (orders: ReadonlyArray<Pick<OrderSales, 'test' | 'cancelled_at' | 'created_at' | 'customer'>>, span: Span): Customers => {
  const since = new Map<string, number>()
  const ever = new Map<string, number>()
  const buyers = new Set<string>()
  let guests = 0
  for (const order of orders) {
    if (order.test || order.created_at < span.from) continue
    const { customer } = order
    if (customer !== null) {
      since.set(customer.id, (since.get(customer.id) ?? 0) + 1)
      // Pages are read one after the other: the latest one knows best.
      ever.set(customer.id, Math.max(ever.get(customer.id) ?? 0, customer.order_count))
    }
    if (!counts(order) || order.created_at >= span.before) continue
    if (customer === null) guests += 1
    else buyers.add(customer.id)
  }
  const returning = [...buyers].filter((id) => ever.get(id)! > since.get(id)!).length
  return { new: buyers.size - returning, returning, guests }
}

export interface BestSeller {
  product_id: string | null
  title: string
  units: number
  /** Lines at their price, before discounts. */
  gross: string
}

export interface ProductTally {
  add (order: OrderGoods): void
  /** All that were sold, by units, then gross, then title. */
  result (): BestSeller[]
}

/** By product, all its variants together; lines of no product (any more) by their title. */
export const tallyProducts = (span: Span, currency: string): ProductTally => {
  const products = new Map<string, { product_id: string | null, title: string, units: number, gross: Money }>()
  const seen = new Set<string>()
  return {
    add (order) {
      if (!counts(order) || !isIn(order.created_at, span) || seen.has(order.id)) return
      seen.add(order.id)
      for (const line of order.lines) {
        const key = line.product_id ?? `title ${line.title}`
        const product = products.get(key) ?? { product_id: line.product_id, title: line.title, units: 0, gross: { amount: '0', currency } }
        product.units += line.quantity
        product.gross = addMoney(product.gross, line.original_total)
        products.set(key, product)
      }
    },
    result: () => [...products.values()]
      .sort((a, b) => b.units - a.units || compareMoney(b.gross, a.gross) || (a.title < b.title ? -1 : 1))
      .map((product) => ({ ...product, gross: decimal(product.gross) }))
  }
}

/** `12.5` as `12.50`: at least two digits after the point, more where they count. */
export const decimal = ({ amount }: Money): string => {
  const [whole = '0', fraction = ''] = amount.split('.')
  const digits = fraction.replace(/0+$/, '').padEnd(2, '0')
  const text = `${whole}.${digits}`
  return /^-0+\.0+$/.test(text) ? text.slice(1) : text
}

/** Change in percent with one decimal, rounded half away from zero; null when there is nothing to compare with. */
export const changePercent = (now: string, then: string): number | null => {
  const [a, b] = [hundredths(now), hundredths(then)]
  return b <= 0n ? null : Number(rounded((a - b) * 1_000n, b)) / 10
}

const divided = (amount: string, by: number): string => {
  const cents = rounded(hundredths(amount, 6), BigInt(by) * 10_000n)
  const text = String(cents < 0n ? -cents : cents).padStart(3, '0')
  return `${cents < 0n ? '-' : ''}${text.slice(0, -2)}.${text.slice(-2)}`
}

/** The amount in units of 10^-scale; what is finer is cut off. */
const hundredths = (amount: string, scale = 2): bigint => {
  const [whole = '0', fraction = ''] = amount.replace('-', '').split('.')
  const units = BigInt(whole + fraction.slice(0, scale).padEnd(scale, '0'))
  return amount.startsWith('-') ? -units : units
}

/** Half away from zero; `by` is above 0. */
const rounded = (value: bigint, by: bigint): bigint => {
  const sign = value < 0n ? -1n : 1n
  return sign * ((2n * value * sign + by) / (2n * by))
}
