// Makes the shop: nineteen months of trade, day by day, up to a moment; and lets it go on trading as time goes on.
//
// Every day draws from dice named after the seed and the date, every order from dice named after its place in the day: what happens on a day
// depends on the seed, the day and the state of the shop, never on when or in which steps somebody looks.
import { makeAgenda, wholeSecond, type Agenda } from './agenda.ts'
import { addDays, DAY, dayOf, HOUR, monthsBefore, startOf, timeOf, TIMEZONE, weekdayOf } from './calendar.ts'
import { makeCatalogue, priced, type Demand, type PlannedPrice } from './catalogue.ts'
import { pickDemand, quantityOf, ratesOf, tradeSeason, type Today } from './demand.ts'
import { diceOf, type Dice } from './random.ts'
import { discountCodes, POLICIES, promotionsOn, plantPromotions, type Promotion } from './programme.ts'
import { availableOf, cancelOrder, fulfilOrder, levelOf, refundOrder, shareOfLine, type Found, type RefundPart, type Shop } from './shop.ts'
import { draftTicket } from './tickets.ts'
import type { Checkout, Customer, Line, Location, Order, Product, Truth, Variant } from './records.ts'

export interface ShopOptions {
  /** Another seed, another shop. */
  seed?: number
  /** `2026-11-24`, in the shop's time zone: the last day of the books. */
  today: string
}

/** Months of trade before the current one. */
const MONTHS = 18

// Monday to Sunday; people shop for their horses on Sunday evening.
const WEEKDAYS = [1.1, 0.95, 0.91, 0.94, 0.83, 0.97, 1.3]
const HOURS = [0.3, 0.15, 0.08, 0.05, 0.06, 0.15, 0.5, 1, 1.3, 1.5, 1.6, 1.6, 1.6, 1.5, 1.4, 1.4, 1.5, 1.7, 2, 2.5, 2.9, 2.7, 1.8, 0.8]
/** A year. */
export const TRADE_GROWTH = 0.22
const COUNTRIES: Array<{ code: string, share: number, vat: number, locale: string, cities: string[] }> = [
  { code: 'DE', share: 64, vat: 0.19, locale: 'de', cities: ['Berlin', 'Hamburg', 'Munich', 'Cologne', 'Leipzig', 'Hanover', 'Münster', 'Verden'] },
  { code: 'AT', share: 11, vat: 0.20, locale: 'de-AT', cities: ['Vienna', 'Graz', 'Linz', 'Salzburg'] },
  { code: 'NL', share: 7, vat: 0.21, locale: 'nl', cities: ['Utrecht', 'Amsterdam', 'Eindhoven'] },
  { code: 'FR', share: 6, vat: 0.20, locale: 'fr', cities: ['Paris', 'Lyon', 'Strasbourg'] },
  { code: 'BE', share: 4, vat: 0.21, locale: 'nl-BE', cities: ['Antwerp', 'Ghent', 'Liège'] },
  { code: 'DK', share: 3, vat: 0.25, locale: 'da', cities: ['Aarhus', 'Odense'] },
  { code: 'SE', share: 3, vat: 0.25, locale: 'sv', cities: ['Malmö', 'Gothenburg'] },
  { code: 'PL', share: 2, vat: 0.23, locale: 'pl', cities: ['Warsaw', 'Poznań'] }
]
const FAR_COUNTRIES = ['RO', 'BG', 'LV', 'EE', 'CY']

interface Visit { time: number, dice: Dice, demand: Demand, forced?: { customer: Customer | null, fraud: string } }

export const generateShop = ({ seed = 1, today }: ShopOptions): Shop => {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(today) || Number.isNaN(Date.parse(today))) {
    throw new Error(`today must be a date like 2026-11-24, not ${JSON.stringify(today)}`)
  }
  const start = monthsBefore(today, MONTHS)
  const truth: Truth = { demand: {}, fraud: {}, exceptions: {}, affinities: [], promotions: [], priceChanges: [], tickets: {} }
  const catalogue = makeCatalogue(seed, start, truth)
  const promotions = plantPromotions(start, truth)

  const agenda = makeAgenda()
  const counters = new Map<string, number>()
  const index = new Map<string, Map<number, Found>>()
  let now = startOf(start)
  let version = 0

  const shop: Shop = {
    seed,
    start,
    today,
    name: 'Royal Equips',
    domain: 'royal-equips-sandbox.myshopify.com',
    currency: 'EUR',
    timezone: TIMEZONE,
    country: 'DE',
    plan: 'Basic',
    get now () { return now },
    get version () { return version },
    products: [],
    variants: [],
    locations: [],
    customers: [],
    orders: [],
    checkouts: [],
    discounts: [],
    segments: [],
    policies: POLICIES,
    tickets: [],
    truth,
    find: (kind, id) => index.get(kind)?.get(id),
    add (record) {
      let known = index.get(record.kind)
      if (known === undefined) index.set(record.kind, known = new Map())
      known.set(record.id, record)
      version++
    },
    nextId (kind) {
      const id = (counters.get(kind) ?? FIRST_IDS[kind] ?? 1_000_000_000_000) + 1
      counters.set(kind, id)
      return id
    },
    touch (owner) {
      version++
      if (owner !== undefined) owner.updatedAt = Math.max(owner.updatedAt, now)
    },
    advance (until) {
      for (let next = agenda.takeUntil(until); next !== undefined; next = agenda.takeUntil(until)) {
        now = Math.max(now, next.time)
        next.run()
      }
      now = Math.max(now, wholeSecond(until))
    }
  }

  trade(shop, catalogue.demand, catalogue.prices, promotions, catalogue.products, agenda)
  // The wall clock belongs to whoever serves the shop: the books end where the day begins.
  shop.advance(startOf(today))
  return shop
}

const FIRST_IDS: Record<string, number> = {
  Order: 6_100_000_000_000,
  LineItem: 15_100_000_000_000,
  Customer: 7_300_000_000_000,
  Refund: 930_000_000_000,
  Fulfillment: 5_200_000_000_000,
  FulfillmentOrder: 6_700_000_000_000,
  AbandonedCheckout: 33_000_000_000_000,
  AbandonedCheckoutLineItem: 34_000_000_000_000,
  DiscountCodeNode: 1_450_000_000_000,
  InventoryLevel: 118_000_000_000,
  Segment: 610_000_000_000,
  Metafield: 29_000_000_000_000,
  Product: 9_900_000_000_000,
  ProductVariant: 49_900_000_000_000,
  InventoryItem: 51_900_000_000_000
}

const trade = (
  shop: Shop, demand: Demand[], prices: PlannedPrice[], promotions: Promotion[], products: Product[], agenda: Agenda
): void => {
  const { seed, truth } = shop
  const begin = startOf(shop.start)
  const warehouse: Location = { kind: 'Location', id: 84_000_000_001, name: 'Berlin Warehouse', country: 'DE', active: true, ships: true }
  const store: Location = { kind: 'Location', id: 84_000_000_002, name: 'Hamburg Store', country: 'DE', active: true, ships: true }
  const closed: Location = { kind: 'Location', id: 84_000_000_003, name: 'Potsdam Depot', country: 'DE', active: false, ships: false }
  for (const location of [warehouse, store, closed]) {
    shop.locations.push(location)
    shop.add(location)
  }
  for (const entry of discountCodes(shop.start, promotions)) {
    const discount = { kind: 'DiscountCodeNode' as const, id: shop.nextId('DiscountCodeNode'), used: 0, ...entry }
    shop.discounts.push(discount)
    shop.add(discount)
  }
  const discountByCode = new Map(shop.discounts.map((discount) => [discount.code, discount]))
  const byHandle = new Map(products.map((product) => [product.handle, product]))
  const demandOf = new Map<Product, Demand[]>()
  for (const each of demand) demandOf.set(each.product, [...demandOf.get(each.product) ?? [], each])
  const affinities = new Map<Product, Array<{ to: Product, chance: number }>>()
  for (const { from, to, chance } of truth.affinities) {
    const source = byHandle.get(from)
    const target = byHandle.get(to)
    if (source === undefined || target === undefined) continue
    affinities.set(source, [...affinities.get(source) ?? [], { to: target, chance }])
  }
  const dear = demand.filter(({ product }) => ['Saddles', 'Riding Boots', 'Helmets'].includes(product.type))
  const basePrices = new Map(demand.map(({ variant }) => [variant, variant.price]))
  /** Customers by their orders: whoever bought often is drawn often, which gives the long tail of real shops. */
  const buyers: Customer[] = []
  let orderNumber = 1000

  // ---- the catalogue appears, changes its prices, and disappears again

  const publish = (product: Product): void => {
    const dice = diceOf(seed, 'stock', product.handle)
    const inStore = dice.chance(0.55)
    shop.products.push(product)
    shop.add(product)
    for (const each of demandOf.get(product) ?? []) {
      const { variant, openingStock } = each
      const front = inStore ? Math.min(3, Math.floor(openingStock / 3)) : 0
      for (const [location, available] of [[warehouse, openingStock - front], ...(inStore ? [[store, front] as const] : [])] as const) {
        const level = { kind: 'InventoryLevel' as const, id: shop.nextId('InventoryLevel'), item: variant.item, location, available, committed: 0, incoming: 0 }
        variant.item.levels.push(level)
        shop.add(level)
      }
      shop.variants.push(variant)
      shop.add(variant)
      shop.add(variant.item)
    }
  }
  for (const product of products) {
    if (product.createdAt <= begin) publish(product)
    else agenda.at(product.createdAt, () => publish(product))
    const until = demandOf.get(product)?.[0]?.until ?? Infinity
    if (until !== Infinity) {
      agenda.at(until, () => {
        product.status = 'ARCHIVED'
        for (const variant of product.variants) shop.touch(variant)
        shop.touch(product)
      })
    }
  }
  for (const { product, date, factor } of prices) {
    agenda.at(timeOf(date, 6), () => {
      const first = product.variants[0]
      const before = first?.price ?? 0
      for (const variant of product.variants) {
        const base = basePrices.get(variant) ?? variant.price
        variant.price = priced(base * factor)
        variant.compareAt = variant.price < base ? base : null
        shop.touch(variant)
      }
      if (first !== undefined && first.price !== before) truth.priceChanges.push({ date, handle: product.handle, from: before, to: first.price })
      shop.touch(product)
    })
  }

  // ---- people

  const newCustomer = (dice: Dice, time: number, far = false): Customer => {
    const country = COUNTRIES[dice.weighted(COUNTRIES.map(({ share }) => share))] ?? COUNTRIES[0]
    if (country === undefined) throw new Error('no countries')
    const number = String(shop.customers.length + 1).padStart(5, '0')
    const consent = dice.next()
    const phone = dice.chance(0.28)
    const sms = dice.next()
    const customer: Customer = {
      kind: 'Customer',
      id: shop.nextId('Customer'),
      name: `Customer ${number}`,
      email: `customer${number}@example.${dice.chance(0.5) ? 'com' : 'org'}`,
      emailConsent: consent < 0.46 ? 'SUBSCRIBED' : consent < 0.55 ? 'UNSUBSCRIBED' : consent < 0.58 ? 'PENDING' : 'NOT_SUBSCRIBED',
      emailConsentAt: consent < 0.58 ? time : null,
      phone,
      smsConsent: !phone || sms > 0.4 ? 'NEVER_SUBSCRIBED' : sms < 0.33 ? 'SUBSCRIBED' : 'UNSUBSCRIBED',
      smsConsentAt: phone && sms <= 0.4 ? time : null,
      dataSaleOptOut: dice.chance(0.015),
      country: far ? dice.pick(FAR_COUNTRIES) : country.code,
      city: far ? '' : dice.pick(country.cities),
      locale: far ? 'en' : country.locale,
      tags: [],
      createdAt: time,
      updatedAt: time,
      orders: []
    }
    shop.customers.push(customer)
    shop.add(customer)
    return customer
  }

  // ---- an order

  const emptyOrder = (
    time: number, { source, gateway, customer, country }: Pick<Order, 'source' | 'gateway' | 'customer'> & { country: string | null }
  ): Order => {
    const known = source === 'web'
    const order: Order = {
      kind: 'Order',
      id: shop.nextId('Order'),
      name: `#${++orderNumber}`,
      createdAt: time,
      updatedAt: time,
      cancelledAt: null,
      cancelReason: null,
      closedAt: null,
      test: false,
      financial: 'PAID',
      source,
      gateway,
      tags: [],
      note: null,
      code: null,
      lines: [],
      gross: 0,
      discount: 0,
      shipping: 0,
      shippingTax: 0,
      tax: 0,
      total: 0,
      customer,
      shippingCountry: country,
      billingCountry: country,
      addressesMatch: true,
      risk: { recommendation: known ? 'ACCEPT' : 'NONE', level: known ? 'LOW' : 'NONE', facts: [] },
      fulfilments: [],
      refunds: [],
      fulfilmentOrder: undefined as unknown as Order['fulfilmentOrder']
    }
    order.fulfilmentOrder = { kind: 'FulfillmentOrder', id: shop.nextId('FulfillmentOrder'), order, status: 'OPEN', holds: [] }
    return order
  }

  const addLine = (order: Order, variant: Variant, more: Pick<Line, 'quantity' | 'discount' | 'tax' | 'location'>): Line => {
    const line: Line = {
      kind: 'LineItem',
      id: shop.nextId('LineItem'),
      order,
      variant,
      title: variant.product.title,
      sku: variant.sku,
      currentQuantity: more.quantity,
      unfulfilled: more.quantity,
      unitPrice: variant.price,
      ...more
    }
    order.lines.push(line)
    return line
  }

  const book = (order: Order): void => {
    shop.orders.push(order)
    shop.add(order)
    shop.add(order.fulfilmentOrder)
    for (const line of order.lines) shop.add(line)
  }

  const place = (visit: Visit, date: string): void => {
    const { dice, time } = visit
    const mark = (kind: 'fraud' | 'exceptions', order: Order, reason: string): void => { (truth[kind][order.name] ??= []).push(reason) }
    const pos = visit.forced === undefined && dice.chance(0.1) && weekdayOf(date) < 6
    const source = pos ? store : warehouse
    // Wishes: what they came for, what goes with it, and what else they saw.
    const wishes: Array<{ demand: Demand, quantity: number }> = [{ demand: visit.demand, quantity: quantityOf(visit.demand, dice) }]
    const wish = (each: Demand | undefined): void => {
      if (each === undefined || time < each.from || time >= each.until || wishes.some(({ demand }) => demand === each)) return
      wishes.push({ demand: each, quantity: 1 })
    }
    for (const { to, chance } of affinities.get(visit.demand.product) ?? []) {
      if (dice.chance(chance)) wish(dice.pick(demandOf.get(to) ?? []))
    }
    for (let extra = dice.next(); extra < 0.27; extra *= 4) wish(pickDemand(today, dice.next()))
    if (visit.forced?.fraud === 'high_value' || visit.forced?.fraud === 'country_mismatch') {
      for (let i = 0; i < 2; i++) wish(dice.pick(dear))
    }

    const bought: Array<{ variant: Variant, quantity: number, location: Location }> = []
    for (const { demand: each, quantity } of wishes) {
      const own = levelOf(each.variant, source)
      const other = levelOf(each.variant, source === store ? warehouse : store)
      const level = own !== undefined && own.available >= quantity ? own : other !== undefined && other.available >= quantity ? other : own ?? other
      if (level === undefined) continue
      const taken = each.variant.oversell ? quantity : Math.min(quantity, Math.max(0, level.available))
      each.truth.lostUnits += quantity - taken
      if (taken > 0) bought.push({ variant: each.variant, quantity: taken, location: level.location })
    }
    if (bought.length === 0) return

    const promotion = pos ? undefined : promotionsOn(promotions, date).find(({ share }) => dice.chance(share))
    const returning = visit.forced === undefined && buyers.length > 50 && dice.chance(0.44)
    const anonymous = pos && dice.chance(0.45)
    const far = visit.forced?.fraud === 'country_mismatch'
    const customer = visit.forced?.customer ?? (anonymous ? null : returning ? dice.pick(buyers) : newCustomer(dice, time, far))
    const code = visit.forced !== undefined || pos
      ? null
      : promotion?.code ?? (customer?.orders.length === 0 && dice.chance(0.2) ? 'WELCOME10' : null)

    // One order in thirty comes out of a checkout that was left before.
    if (!pos && visit.forced === undefined && dice.chance(0.03)) {
      const earlier = leaveCheckout(dice, wholeSecond(Math.max(startOf(date), time - (1 + 5 * dice.next()) * HOUR)), customer, bought)
      earlier.completedAt = time
      earlier.updatedAt = time
    }

    const country = pos ? 'DE' : customer?.country ?? 'DE'
    const vat = COUNTRIES.find((each) => each.code === country)?.vat ?? 0.19
    const types = promotion !== undefined && code === promotion.code ? promotion.types : null
    const percentage = code === null ? 0 : discountByCode.get(code)?.percentage ?? 0
    const order = emptyOrder(time, {
      source: pos ? 'pos' : 'web',
      gateway: pos ? 'shopify_payments' : dice.chance(0.58) ? 'shopify_payments' : dice.chance(0.86) ? 'paypal' : 'bank_deposit',
      customer,
      country: pos ? null : country
    })
    for (const { variant, quantity, location } of bought) {
      const amount = variant.price * quantity
      const discount = percentage > 0 && (types === null || types.includes(variant.product.type)) ? Math.round(amount * percentage) : 0
      const line = addLine(order, variant, { quantity, discount, tax: taxIn(amount - discount, vat), location })
      order.gross += amount
      order.discount += discount
      order.tax += line.tax
      const level = levelOf(variant, location)
      if (level !== undefined) {
        level.available -= quantity
        level.committed += quantity
      }
    }
    if (order.discount > 0 && code !== null) {
      order.code = code
      const discount = discountByCode.get(code)
      if (discount !== undefined) discount.used++
    }
    const value = order.gross - order.discount
    order.shipping = pos ? 0 : country === 'DE' ? value >= 9900 ? 0 : 590 : value >= 14_900 ? 0 : 990
    order.shippingTax = taxIn(order.shipping, vat)
    order.tax += order.shippingTax
    order.total = value + order.shipping
    if (!pos && visit.forced === undefined && dice.chance(0.025)) {
      // A present: honest, and still another address.
      order.addressesMatch = false
      order.shippingCountry = dice.chance(0.3) ? dice.pick(COUNTRIES).code : country
    }
    book(order)
    if (customer !== null) {
      customer.orders.push(order)
      buyers.push(customer)
      shop.touch(customer)
    }

    if (visit.forced !== undefined) {
      const { fraud } = visit.forced
      mark('fraud', order, fraud)
      if (fraud === 'country_mismatch') {
        order.addressesMatch = false
        order.billingCountry = dice.pick(COUNTRIES).code
        order.risk.facts.push({ description: 'Billing and shipping addresses are in different countries', sentiment: 'NEGATIVE' })
      }
      if (fraud === 'velocity') order.risk.facts.push({ description: 'Many orders of this customer within hours', sentiment: 'NEGATIVE' })
      if (fraud === 'high_value') order.risk.facts.push({ description: 'The amount is far above what new customers spend', sentiment: 'NEGATIVE' })
      const high = dice.chance(0.75)
      order.risk.level = high ? 'HIGH' : 'MEDIUM'
      order.risk.recommendation = high ? 'CANCEL' : 'INVESTIGATE'
    } else if (!pos && dice.chance(0.006)) {
      // An honest order that looks odd.
      const facts = [{ description: 'The card was issued in another country than the address', sentiment: 'NEGATIVE' as const }]
      order.risk = { recommendation: 'INVESTIGATE', level: 'MEDIUM', facts }
    } else if (!pos) {
      order.risk.facts.push({ description: 'The address and the postal code of the card match', sentiment: 'POSITIVE' })
    }
    goOn(order, dice, pos, visit.forced?.fraud, (reason) => mark('exceptions', order, reason))
  }

  // ---- what becomes of an order

  const goOn = (order: Order, dice: Dice, pos: boolean, fraud: string | undefined, exception: (reason: string) => void): void => {
    if (pos) {
      fulfilOrder(shop, order, { carrier: 'Counter', tracking: null, estimatedDeliveryAt: null, deliveredAt: shop.now })
      maybeReturn(order, dice, shop.now)
      return
    }
    const late = fraud === undefined && dice.chance(0.012)
    const noTracking = dice.chance(0.008)
    const leave = dice.next()
    const shipHour = 9 + 7 * dice.next()
    const shipDays = late ? dice.between(8, 18) : dice.chance(0.75) ? 1 : 2
    const pay = order.gateway === 'bank_deposit'
    const never = pay && dice.chance(0.12)
    const paidAfter = (0.8 + 3 * dice.next()) * DAY
    const transit = (1 + 2.5 * dice.next() + (order.shippingCountry === 'DE' ? 0 : 1.5)) * DAY

    const ship = (): void => {
      if (order.cancelledAt !== null || order.fulfilmentOrder.status !== 'OPEN') return
      const short = order.lines.some((line) => line.unfulfilled > 0 && (levelOf(line.variant, line.location)?.available ?? 0) < 0)
      // On hold or oversold: looked at again on the next working day.
      if (order.fulfilmentOrder.holds.length > 0 || short || order.financial === 'PENDING') return agenda.at(workday(shop.now, 1, shipHour), ship)
      if (order.lines.every((line) => line.unfulfilled === 0)) return
      if (noTracking) exception('no_tracking')
      const fulfilment = fulfilOrder(shop, order, {
        carrier: order.shippingCountry === 'DE' ? 'DHL' : 'DPD',
        tracking: noTracking ? null : `SBX${order.id}${order.fulfilments.length}`,
        estimatedDeliveryAt: shop.now + 4 * DAY,
        deliveredAt: null
      })
      agenda.at(shop.now + transit, () => {
        // Nobody reports the arrival of what nobody can follow.
        if (!noTracking) fulfilment.deliveredAt = shop.now
        shop.touch(order)
        maybeReturn(order, dice, shop.now)
      })
    }

    if (pay) {
      order.financial = 'PENDING'
      if (never) {
        exception('unpaid')
        agenda.at(order.createdAt + 16 * DAY, () => { if (order.cancelledAt === null && order.financial === 'PENDING') cancelOrder(shop, order, 'DECLINED') })
        return
      }
      agenda.at(order.createdAt + paidAfter, () => {
        if (order.cancelledAt !== null) return
        order.financial = 'PAID'
        shop.touch(order)
        agenda.at(workday(shop.now, shipDays, shipHour), ship)
      })
    }
    if (fraud !== undefined) {
      // A person looks at it after a day or three; most are cancelled, some go out.
      const review = (20 + 50 * dice.next()) * HOUR
      const cancel = dice.chance(0.7)
      agenda.at(order.createdAt + review, () => {
        if (order.cancelledAt !== null) return
        if (cancel && order.fulfilments.length === 0) cancelOrder(shop, order, 'FRAUD')
        else agenda.at(workday(shop.now, 1, shipHour), ship)
      })
      return
    }
    if (leave < 0.013) {
      agenda.at(order.createdAt + (0.2 + 3 * dice.next()) * HOUR, () => {
        if (order.cancelledAt === null && order.fulfilments.length === 0) cancelOrder(shop, order, leave < 0.011 ? 'CUSTOMER' : 'INVENTORY')
      })
    }
    if (late) exception('late')
    if (!pay) agenda.at(workday(order.createdAt, shipDays, shipHour), ship)
  }

  const maybeReturn = (order: Order, dice: Dice, delivered: number): void => {
    const back: RefundPart[] = []
    for (const line of order.lines) {
      if (!dice.chance((truth.demand[line.sku]?.returnRate ?? 0.03) * (order.source === 'pos' ? 0.3 : 1))) continue
      back.push({ line, quantity: dice.chance(0.8) ? line.quantity : 1, restockType: dice.chance(0.88) ? 'RETURN' : 'NO_RESTOCK', location: warehouse })
    }
    if (back.length === 0) return
    const note = dice.pick(['Does not fit', 'Not as expected', 'Arrived damaged', 'Ordered two sizes', 'Changed my mind'])
    agenda.at(delivered + (4 + 14 * dice.next()) * DAY, () => {
      const parts = back.filter(({ line, quantity }) => line.currentQuantity >= quantity)
      if (parts.length === 0 || order.cancelledAt !== null) return
      const sum = parts.reduce((total, { line, quantity }) => total + shareOfLine(line, quantity).subtotal, 0)
      refundOrder(shop, order, parts, { shipping: 0, paidOut: sum, note })
    })
  }

  // ---- checkouts that were left

  const leaveCheckout = (dice: Dice, time: number, customer: Customer | null, bought: Array<{ variant: Variant, quantity: number }>): Checkout => {
    const id = shop.nextId('AbandonedCheckout')
    const lines = bought.map(({ variant, quantity }) => ({
      kind: 'AbandonedCheckoutLineItem' as const, id: shop.nextId('AbandonedCheckoutLineItem'), variant, quantity, total: variant.price * quantity
    }))
    const subtotal = lines.reduce((sum, line) => sum + line.total, 0)
    const token = Math.floor(dice.next() * 2 ** 32).toString(16).padStart(8, '0')
    const checkout: Checkout = {
      kind: 'AbandonedCheckout',
      id,
      createdAt: time,
      updatedAt: time,
      completedAt: null,
      customer,
      code: null,
      url: `https://${shop.domain}/checkouts/ac/${id}/recover?key=${token}`,
      subtotal,
      total: subtotal + (subtotal >= 9900 ? 0 : 590),
      lines
    }
    shop.checkouts.push(checkout)
    shop.add(checkout)
    return checkout
  }

  // ---- a day

  let today: Today = { total: 0, sums: [], demand: [] }

  const openDay = (date: string): void => {
    const dice = diceOf(seed, 'day', date)
    const age = (startOf(date) - begin) / DAY
    const noise = Math.exp(0.13 * dice.normal() - 0.0085)
    const general = WEEKDAYS[weekdayOf(date)] ?? 1
    const level = general * tradeSeason(date) * (1 + TRADE_GROWTH) ** ((age - 365) / 365) * noise
    const running = promotionsOn(promotions, date)
    today = ratesOf(date, demand, level, age, running)

    // Goods come in the morning, after the orders for them left weeks ago; the store's shelf is filled from the warehouse.
    if (weekdayOf(date) < 5) restock(date)
    const visits = dice.poisson(today.total)
    for (let i = 0; i < visits; i++) {
      const own = diceOf(seed, date, i)
      const found = pickDemand(today, own.next())
      if (found === undefined) continue
      const time = timeWithin(date, own)
      const trouble = own.next()
      agenda.at(time, () => {
        if (trouble >= 0.0028) return place({ time, dice: own, demand: found }, date)
        const fraud = trouble < 0.0012 ? 'country_mismatch' : trouble < 0.0016 ? 'velocity' : 'high_value'
        if (fraud !== 'velocity') return place({ time, dice: own, demand: found, forced: { customer: null, fraud } }, date)
        const customer = newCustomer(own, time)
        const times = own.between(4, 6)
        for (let n = 0; n < times; n++) {
          const next = time + wholeSecond(n * (4 + 14 * own.next()) * 60_000)
          const each = diceOf(seed, date, i, 'again', n)
          agenda.at(next, () => place({ time: next, dice: each, demand: pickDemand(today, each.next()) ?? found, forced: { customer, fraud } }, dayOf(next)))
        }
      })
    }
    // A third as many checkouts are left as are finished.
    const left = dice.poisson(today.total * 0.33)
    for (let i = 0; i < left; i++) {
      const own = diceOf(seed, date, 'left', i)
      const found = pickDemand(today, own.next())
      const time = timeWithin(date, own)
      if (found === undefined) continue
      agenda.at(time, () => {
        const customer = own.chance(0.5) && buyers.length > 50 ? own.pick(buyers) : own.chance(0.6) ? newCustomer(own, time) : null
        leaveCheckout(own, time, customer, [{ variant: found.variant, quantity: quantityOf(found, own) }])
      })
    }
    if (date.endsWith('-02')) agenda.at(timeOf(date, 10), () => placeTest(date))
    const tickets = dice.poisson(2.4)
    for (let i = 0; i < tickets; i++) {
      const own = diceOf(seed, date, 'ticket', i)
      agenda.at(timeWithin(date, own), () => draftTicket(shop, own))
    }
    // Shopify forgets checkouts after three months.
    const oldest = startOf(addDays(date, -90))
    while ((shop.checkouts[0]?.createdAt ?? Infinity) < oldest) shop.checkouts.shift()

    agenda.at(startOf(addDays(date, 1)) - 1_000, () => {
      for (const each of demand) {
        if (each.from < shop.now && each.until > shop.now && availableOf(each.variant) <= 0) each.truth.stockOutDays.push(date)
      }
    })
    agenda.at(startOf(addDays(date, 1)), () => openDay(addDays(date, 1)))
  }

  const restock = (date: string): void => {
    for (const each of demand) {
      const { variant, truth: known, caution } = each
      const main = levelOf(variant, warehouse)
      if (main === undefined || each.until !== Infinity || shop.now < each.from) continue
      const front = levelOf(variant, store)
      if (front !== undefined && front.available < 1 && main.available > 4) {
        const moved = Math.min(2, main.available - 3)
        main.available -= moved
        front.available += moved
      }
      if (weekdayOf(date) !== 0) continue
      const perDay = known.rate * known.units
      const need = perDay * known.leadTimeDays * caution
      if (perDay < 0.008 || main.available + main.incoming > need + 1) continue
      const quantity = Math.ceil(perDay * (40 + known.leadTimeDays * 0.5)) + 2
      const dice = diceOf(seed, 'supply', variant.sku, date)
      const days = Math.max(4, Math.round(known.leadTimeDays * (0.85 + 0.4 * dice.next() + (dice.chance(0.08) ? 0.8 : 0))))
      main.incoming += quantity
      agenda.at(timeOf(addDays(date, days), 7.5), () => {
        main.incoming -= quantity
        main.available += quantity
        shop.touch(variant)
      })
    }
  }

  const placeTest = (date: string): void => {
    const dice = diceOf(seed, 'test order', date)
    const variant = dice.pick(shop.variants.filter(({ product }) => product.status === 'ACTIVE'))
    const order = emptyOrder(shop.now, { source: 'web', gateway: 'bogus', customer: null, country: 'DE' })
    order.test = true
    order.risk = { recommendation: 'NONE', level: 'NONE', facts: [] }
    const { tax } = addLine(order, variant, { quantity: 1, discount: 0, tax: taxIn(variant.price, 0.19), location: warehouse })
    order.gross = variant.price
    order.tax = tax
    order.total = variant.price
    book(order)
  }

  agenda.at(begin, () => openDay(shop.start))
}

// ---- helpers

/** A moment of the day, by when people shop. The day on which the clocks go forward has no 24th hour. */
const timeWithin = (date: string, dice: Dice): number =>
  Math.min(wholeSecond(timeOf(date, dice.weighted(HOURS) + dice.next())), startOf(addDays(date, 1)) - 1_000)

/** The tax that is in a price. */
const taxIn = (cents: number, vat: number): number => Math.round(cents * vat / (1 + vat))

/** An hour of the n-th working day after this moment. */
const workday = (time: number, days: number, hour: number): number => {
  let date = dayOf(time)
  for (let left = days; left > 0;) {
    date = addDays(date, 1)
    if (weekdayOf(date) < 5) left--
  }
  return timeOf(date, hour)
}
