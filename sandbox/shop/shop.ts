// The shop of the sandbox: its records, how they are found, and the changes that keep them consistent whoever makes them, the generator or the API.
import type {
  Checkout, Customer, Discount, Fulfilment, FulfilmentOrder, InventoryItem, Level, Line, Location, Metafield, Order, Policy, Product, Refund, RefundLine,
  Segment, Ticket, Truth, Variant
} from './records.ts'

export type Found =
  | Order | Line | Refund | FulfilmentOrder | Product | Variant | InventoryItem | Level | Customer | Location | Discount | Segment | Checkout | Metafield

export interface RefundPart { line: Line, quantity: number, restockType: RefundLine['restockType'], location?: Location }

/** The books as of `now`. Whoever changes a record says so with `touch`. */
export interface Shop {
  readonly seed: number
  /** First day of the books and the day that they were made for, in the shop's time zone. */
  readonly start: string
  readonly today: string
  readonly name: string
  readonly domain: string
  readonly currency: 'EUR'
  readonly timezone: string
  readonly country: string
  readonly plan: string
  /** Lets time go on: what happened until then becomes visible. Time that has gone by is kept. */
  advance (now: number): void
  /** Up to where time has gone. */
  readonly now: number
  /** Moves with every change: what was computed from the records may be kept as long as it stands. */
  readonly version: number
  readonly products: Product[]
  readonly variants: Variant[]
  readonly locations: Location[]
  readonly customers: Customer[]
  /** By creation, oldest first. */
  readonly orders: Order[]
  readonly checkouts: Checkout[]
  readonly discounts: Discount[]
  readonly segments: Segment[]
  readonly policies: Policy[]
  readonly tickets: Ticket[]
  readonly truth: Truth
  find (kind: string, id: number): Found | undefined
  add (record: Found): void
  nextId (kind: string): number
  /** Something about this owner changed now; no owner: about something that has no date of change. */
  touch (owner?: { updatedAt: number }): void
}

/** What one of these units cost after its discount: value and tax of a number of them, in cents. The last units take what rounding left. */
export const shareOfLine = (line: Line, quantity: number): { subtotal: number, tax: number } => {
  const before = line.quantity - line.currentQuantity
  const part = (amount: number): number => Math.round(amount * (before + quantity) / line.quantity) - Math.round(amount * before / line.quantity)
  return { subtotal: part(line.unitPrice * line.quantity - line.discount), tax: part(line.tax) }
}

export const levelOf = (variant: Variant, location: Location): Level | undefined => variant.item.levels.find((level) => level.location === location)

export const availableOf = (variant: Variant): number => variant.item.levels.reduce((sum, level) => sum + level.available, 0)

/** Value that went back, paid out or not: lines and shipping costs. */
export const returnedOf = (order: Order): number =>
  order.refunds.reduce((sum, refund) => sum + refund.shipping + refund.lines.reduce((lines, line) => lines + line.subtotal, 0), 0)

export const refundedOf = (order: Order): number => order.refunds.reduce((sum, refund) => sum + refund.total, 0)

/** What is still to be paid. */
export const outstandingOf = (order: Order): number => order.financial === 'PENDING' || order.financial === 'AUTHORIZED' ? order.total - returnedOf(order) : 0

/** Units of these lines go back, with `paidOut` cents; stock, quantities and the state of payment follow. */
export const refundOrder = (
  shop: Shop, order: Order, parts: RefundPart[], more: { shipping: number, paidOut: number, note: string | null }
): Refund => {
  const refund: Refund = {
    kind: 'Refund',
    id: shop.nextId('Refund'),
    order,
    createdAt: shop.now,
    note: more.note,
    total: more.paidOut,
    shipping: more.shipping,
    shippingTax: order.shipping === 0 ? 0 : Math.round(order.shippingTax * more.shipping / order.shipping),
    lines: parts.map(({ line, quantity, restockType, location }) => {
      const share = shareOfLine(line, quantity)
      line.currentQuantity -= quantity
      const unsent = Math.min(quantity, line.unfulfilled)
      const level = levelOf(line.variant, location ?? line.location)
      if (!order.test) {
        const own = levelOf(line.variant, line.location)
        if (own !== undefined && restockType !== 'RETURN') own.committed -= unsent
        if (level !== undefined && restockType !== 'NO_RESTOCK') level.available += quantity
      }
      if (restockType !== 'RETURN') line.unfulfilled -= unsent
      return { kind: 'RefundLineItem' as const, line, quantity, restockType, restocked: restockType !== 'NO_RESTOCK', ...share }
    })
  }
  order.refunds.push(refund)
  if (order.financial === 'PAID' || order.financial === 'PARTIALLY_REFUNDED') {
    if (more.paidOut > 0) order.financial = refundedOf(order) >= order.total ? 'REFUNDED' : 'PARTIALLY_REFUNDED'
  }
  shop.add(refund)
  shop.touch(order)
  return refund
}

/** Ends an order that was not sent: everything goes back into stock, and what was paid to the customer. */
export const cancelOrder = (shop: Shop, order: Order, reason: NonNullable<Order['cancelReason']>): void => {
  const paid = order.financial === 'PAID'
  refundOrder(shop, order, order.lines.map((line) => ({ line, quantity: line.currentQuantity, restockType: 'CANCEL' as const })), {
    shipping: order.shipping,
    paidOut: paid ? order.total : 0,
    note: 'Order cancelled'
  })
  if (!paid) order.financial = 'VOIDED'
  order.cancelledAt = shop.now
  order.closedAt = shop.now
  order.cancelReason = reason
  order.fulfilmentOrder.status = 'CANCELLED'
  shop.touch(order)
}

/** What is left of the order leaves the house. */
export const fulfilOrder = (shop: Shop, order: Order, how: Pick<Fulfilment, 'carrier' | 'tracking' | 'estimatedDeliveryAt' | 'deliveredAt'>): Fulfilment => {
  for (const line of order.lines) {
    const level = levelOf(line.variant, line.location)
    if (level !== undefined && !order.test) level.committed -= line.unfulfilled
    line.unfulfilled = 0
  }
  const fulfilment: Fulfilment = { kind: 'Fulfillment', id: shop.nextId('Fulfillment'), createdAt: shop.now, ...how }
  order.fulfilments.push(fulfilment)
  order.fulfilmentOrder.status = 'CLOSED'
  // Shopify archives what is paid and sent.
  if (order.financial !== 'PENDING') order.closedAt = shop.now
  shop.touch(order)
  return fulfilment
}
