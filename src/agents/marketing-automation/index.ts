// The marketing agent: who buys how, who may be written to, and what to offer them; with a group that gets nothing, to measure by.
import { defineAgent, PermanentError } from '../../core/agent.ts'
import type { Customer, Variant } from '../../core/commerce.ts'
import { addDays, dayOf, weekdayOf } from '../shop/days.ts'
import { slicesOf, type Slices } from '../shop/slices.ts'
import { availableOf } from '../shop/stock.ts'
import { count as counted, figure, oneLine } from '../wording.ts'
import { buyersOf, type Buyer, type Buyers } from './buyers.ts'
import { campaignsOf, type Campaign } from './campaigns.ts'
import { checkoutsOf, type Checkouts } from './checkouts.ts'
import { consents, contactable, type Channel } from './consent.ts'
import { shopIntervalOf, thresholdsOf } from './lifecycle.ts'
import { overstockOf, SALES_DAYS, type Overstock } from './overstock.ts'
import type { Person } from './rule.ts'
import { MarketingInputSchema, MarketingOutputSchema, type MarketingInput, type MarketingOutput, type Skip } from './schemas.ts'
import { stepOf, type StepContext, type Taken } from './steps.ts'
import { rfmTable, stagesAndNext } from './tables.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const VARIANTS_MAX_AGE_MS = HOUR
/** From so many buyers on, one bulk operation costs less than pages. */
const BULK_FROM_BUYERS = 1_000
const INTEREST_DAYS = 365
const OVERSTOCK_SHOWN = 20
const HOLD_OUT_SHOWN = 5_000

export const marketingAutomation = defineAgent({
  name: 'marketing_automation',
  description: 'Sorts customers by how they buy, and proposes segments, limited discount codes and drafts of campaigns for those who consented.',
  input: MarketingInputSchema,
  output: MarketingOutputSchema,
  triggers: { schedule: { cron: '40 */12 * * *', timezone: 'UTC' } },
  timeoutMs: 900_000,

  async run (context, input: MarketingInput): Promise<MarketingOutput> {
    const { history, ports, signal, clock } = context
    if (history === undefined || ports.commerce === undefined) {
      throw new PermanentError('shop_not_configured', 'There is no shop to do marketing for: configure Shopify, or let the sandbox stand in.')
    }
    const channel = input.channel ?? 'email'
    const holdOut = input.hold_out ?? 0.1
    const commerce = ports.commerce.inLane('marketing')
    const slices = slicesOf({ clock, signal })
    const shop = await commerce.shop({ signal })
    const state = await history.refresh({ signal, progress: (fraction, note) => { context.progress(0.4 * fraction, note) } })
    const now = clock.now()
    const found = await buyersOf(history.orders({ signal }), { currency: shop.currency, unitsFrom: now - SALES_DAYS * DAY }, slices)

    context.progress(0.4, 'reading customers and their consent')
    const customers = new Map<string, Customer>()
    let customersAsOf = now
    for await (const customer of commerce.customers({}, { signal, bulk: found.buyers.size >= BULK_FROM_BUYERS })) {
      if (slices.due()) await slices.pause()
      customers.set(customer.id, customer)
      customersAsOf = Math.min(customersAsOf, customer.read_at)
    }
    context.progress(0.6, 'reading products, stock and checkouts')
    const { variants } = await history.variants({ signal, max_age_ms: VARIANTS_MAX_AGE_MS })
    const { onShow, productsByType, available } = catalogueOf(variants, now)
    const checkoutsFrom = now - (input.checkout_days ?? 14) * DAY
    const checkouts = await checkoutsOf(commerce.abandonedCheckouts({ created_from: checkoutsFrom }, { signal }), {
      now,
      quietMs: (input.checkout_hours ?? 4) * HOUR,
      channel,
      currency: shop.currency,
      customers,
      lastOrderAt: (id) => lastOf(found.buyers.get(id), customers.get(id)),
      available
    })

    context.progress(0.7, 'sorting customers')
    const buyers = [...found.buyers.values()].filter(({ id }) => customers.has(id))
    const known = { buyers, customers, channel, now, currency: shop.currency, timeZone: shop.timezone }
    const interval = await shopIntervalOf(buyers, slices)
    const tables = await stagesAndNext(known, interval, slices)
    const overstock = overstockOf(variants, found.units, { now, coverDays: input.overstock_cover_days ?? 180 })
    const campaigns = campaignsOf({
      channel,
      thresholds: thresholdsOf(interval),
      interval: interval.basis === 'orders'
        ? `${figure(interval.days)} days lie between two orders of a customer here (median of ${figure(interval.gaps)})`
        : `too few customers came back to tell what is usual here (${figure(interval.gaps)}), so ${interval.days} days between two orders are assumed`,
      checkoutDays: input.checkout_days ?? 14,
      maxDiscount: input.max_discount ?? 0.15,
      overstock,
      maxOverstock: input.max_overstock_campaigns ?? 2,
      productsByType
    })

    context.progress(0.8, 'looking for the next step of each campaign')
    const today = dayOf(now, shop.timezone)
    const people: Array<{ customer: Customer, person: Person }> = []
    for (const customer of customers.values()) {
      if (slices.due()) await slices.pause()
      people.push({ customer, person: personOf(customer, found, checkouts) })
    }
    const steps: StepContext = {
      commerce,
      signal,
      slices,
      now,
      today,
      week: addDays(today, -weekdayOf(today)),
      shop,
      people,
      buyers: found.buyers,
      onShow,
      soldOf: (id) => found.units.get(id) ?? 0,
      limits: () => context.priceLimits(shop.currency),
      holdOut,
      maxUses: input.max_uses ?? 500,
      codeDays: input.code_days ?? 21,
      minAudience: input.min_audience ?? 50,
      facts: (campaign) => factsOf(campaign, checkouts, overstock)
    }
    const taken: Taken[] = []
    for (const campaign of campaigns) taken.push(await stepOf(campaign, steps))
    const drafts = taken.map(({ proposal }) => proposal).filter((proposal) => proposal !== undefined)
    const filed = drafts.length === 0 ? [] : await context.propose(drafts)
    return {
      as_of: new Date(state.as_of).toISOString(),
      source: state.source,
      customers_as_of: new Date(customersAsOf).toISOString(),
      channel,
      orders: { from: new Date(state.covers_from).toISOString(), read: found.orders, counted: found.counted, left_out: found.left_out },
      customers: customersRow(customers, buyers.length, found.buyers.size, channel),
      rfm: await rfmTable(known, slices),
      ...tables,
      abandoned_checkouts: {
        from: new Date(checkoutsFrom).toISOString(), read: checkouts.read, fates: checkouts.fates, people: checkouts.people.size, value: checkouts.value
      },
      overstock: overstockRow(overstock, await interestOf(overstock, buyers, customers, { channel, now, productsByType }, slices)),
      campaigns: taken.map(campaignRow),
      skipped: skippedRows(taken),
      proposals: drafts.map((draft, index) => ({ class: draft.class, key: draft.key, outcome: filed[index]?.outcome ?? 'filed' })),
      hold_out_list: input.list_hold_out_of === undefined ? null : holdOutList(input.list_hold_out_of, taken, holdOut)
    }
  },

  csv: ({ hold_out_list: list }: MarketingOutput): string =>
    ['campaign,customer_id', ...(list?.customer_ids ?? []).map((id) => `${list?.campaign},${id}`)].join('\n') + '\n',

  summarise ({ customers, channel, lifecycle, abandoned_checkouts: checkouts, proposals, campaigns }: MarketingOutput): string {
    const stages = lifecycle.stages.filter(({ stage }) => stage !== 'no_order')
      .map(({ stage, customers: amount }) => `${figure(amount)} ${stage.replace('_', ' ')}`).join(', ')
    const waiting = campaigns.filter(({ step, segment_exists: exists }) => !exists && step === 'segment_proposed').length
    return `${counted(customers.with_orders, 'customer')} with orders: ${stages}. ${figure(customers.contactable)} consented to ${channel}. ` +
      `${counted(checkouts.fates.waiting, 'left checkout')} worth ${checkouts.value.amount} ${checkouts.value.currency} can be reminded of. ` +
      `${counted(proposals.length, 'proposal')}${waiting === 0 ? '' : `; codes and drafts follow when ${counted(waiting, 'segment')} were made`}.`
  }
})

const lastOf = (buyer: Buyer | undefined, customer: Customer | undefined): number | undefined => {
  const last = Math.max(buyer?.orders[buyer.orders.length - 1] ?? -1, customer?.last_order_at ?? -1)
  return last < 0 ? undefined : last
}

/** As Shopify would see them: its own counts, and what the orders tell beside these. */
const personOf = (customer: Customer, { buyers }: Buyers, { abandonedAt }: Checkouts): Person => ({
  order_count: customer.order_count,
  last_order_at: customer.last_order_at,
  abandoned_at: abandonedAt.get(customer.id) ?? null,
  products: buyers.get(customer.id)?.products
})

interface Catalogue {
  onShow: Map<string, Variant[]>
  /** Of all products, by the type as it is shown. */
  productsByType: Map<string, string[]>
  available: (variantId: string) => boolean
}

const catalogueOf = (variants: readonly Variant[], now: number): Catalogue => {
  const onShow = new Map<string, Variant[]>()
  const types = new Map<string, Set<string>>()
  const toBeHad = new Set<string>()
  const plain = new Map<string, string>()
  for (const variant of variants) {
    let type = plain.get(variant.product_type)
    if (type === undefined) plain.set(variant.product_type, type = oneLine(variant.product_type, 60))
    types.set(type, (types.get(type) ?? new Set()).add(variant.product_id))
    if (variant.status !== 'ACTIVE' || variant.published_at === null || variant.published_at > now) continue
    const own = onShow.get(variant.product_id)
    if (own === undefined) onShow.set(variant.product_id, [variant])
    else own.push(variant)
    if ((availableOf(variant) ?? 1) > 0 || variant.sells_when_out_of_stock) toBeHad.add(variant.id)
  }
  return { onShow, productsByType: new Map([...types].map(([type, ids]) => [type, [...ids]])), available: (id) => toBeHad.has(id) }
}

const customersRow = (customers: ReadonlyMap<string, Customer>, withOrders: number, buyers: number, channel: Channel): MarketingOutput['customers'] => {
  const row = {
    read: customers.size,
    with_orders: withOrders,
    gone: buyers - withOrders,
    email_consent: 0,
    sms_consent: 0,
    without_any_consent: 0,
    data_sale_opt_out: 0,
    contactable: 0
  }
  for (const customer of customers.values()) {
    const email = consents(customer, 'email')
    const sms = consents(customer, 'sms')
    if (email) row.email_consent += 1
    if (sms) row.sms_consent += 1
    if (!email && !sms) row.without_any_consent += 1
    if (contactable(customer, channel)) row.contactable += 1
    else if (consents(customer, channel)) row.data_sale_opt_out += 1
  }
  return row
}

/** Contactable customers by type of the overstock that they bought within a year. */
const interestOf = async (
  { products }: Overstock, buyers: readonly Buyer[], customers: ReadonlyMap<string, Customer>,
  { channel, now, productsByType }: { channel: Channel, now: number, productsByType: ReadonlyMap<string, string[]> }, slices: Slices
): Promise<Map<string, number>> => {
  const interest = new Map<string, number>()
  const typeOf = new Map<string, string>()
  for (const type of new Set(products.map((product) => product.type))) {
    interest.set(type, 0)
    for (const id of productsByType.get(type) ?? []) typeOf.set(id, type)
  }
  for (const { id, products: bought } of buyers) {
    if (slices.due()) await slices.pause()
    if (!contactable(customers.get(id)!, channel)) continue
    const own = new Set<string>()
    for (const [product, at] of bought) {
      const type = typeOf.get(product)
      if (type !== undefined && at >= now - INTEREST_DAYS * DAY) own.add(type)
    }
    for (const type of own) interest.set(type, interest.get(type)! + 1)
  }
  return interest
}

const overstockRow = (
  { looked_at: lookedAt, too_young: young, untracked, products }: Overstock, interest: ReadonlyMap<string, number>
): MarketingOutput['overstock'] => ({
  looked_at: lookedAt,
  too_young: young,
  untracked,
  products_total: products.length,
  products: products.slice(0, OVERSTOCK_SHOWN).map(({ id, title, type, available, sold, cover, value }) => ({
    product_id: id,
    title,
    type,
    available,
    sold_90_days: sold,
    days_of_cover: cover === null ? null : Math.round(cover),
    value_at_cost: value,
    interested: interest.get(type) ?? 0
  }))
})

const factsOf = ({ subject, type }: Campaign, checkouts: Checkouts, { products }: Overstock): string[] => {
  if (subject === 'abandoned_checkout') {
    const { fates, value, people } = checkouts
    return [
      `${counted(fates.waiting, 'checkout')} of ${counted(people.size, 'consenting person', 'consenting people')} wait, worth ${value.amount} ` +
        `${value.currency}. Of ${figure(checkouts.read)} read: ${figure(fates.completed)} completed, ${figure(fates.too_recent)} too recent, ` +
        `${figure(fates.nobody)} of nobody known, ${figure(fates.ordered_since)} ordered since, ${figure(fates.sold_out)} sold out, ` +
        `${figure(fates.without_consent)} without consent.`
    ]
  }
  if (subject !== 'overstock') return []
  return products.filter((product) => product.type === type).slice(0, OVERSTOCK_SHOWN).map(({ title, available, sold, cover }) =>
    `“${title}”: ${figure(available)} in stock, ${figure(sold)} sold in ${SALES_DAYS} days, ` +
    `${cover === null ? 'so no end of the stock is in sight' : `enough for ${figure(Math.round(cover))} days`}.`)
}

const campaignRow = ({ campaign, segmentExists, audience, code, step, skipped, next }: Taken): MarketingOutput['campaigns'][number] => ({
  campaign: campaign.id,
  segment: campaign.segment,
  segment_exists: segmentExists,
  audience: audience.reached.length,
  hold_out: audience.held.length,
  without_consent: audience.without_consent,
  data_sale_opt_out: audience.data_sale_opt_out,
  code,
  step,
  skipped,
  next
})

const skippedRows = (taken: readonly Taken[]): MarketingOutput['skipped'] => {
  const counts = new Map<Skip, number>()
  for (const { skipped } of taken) if (skipped !== null) counts.set(skipped, (counts.get(skipped) ?? 0) + 1)
  return [...counts].map(([reason, campaigns]) => ({ reason, campaigns }))
}

const holdOutList = (name: string, taken: readonly Taken[], share: number): MarketingOutput['hold_out_list'] => {
  const found = taken.find(({ campaign }) => campaign.id === name)
  const ids = found?.audience.held ?? []
  return { campaign: oneLine(name, 120), known: found !== undefined, share, customer_ids: ids.slice(0, HOLD_OUT_SHOWN), total: ids.length }
}
