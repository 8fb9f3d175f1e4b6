// A shop behind the Commerce port that can be changed, and that a test holds by its strings: it counts every change by its effect key, and fails,
// loses its answer or hangs when it is told to.
import type { Clock } from '../../src/core/clock.ts'
import { CommerceError } from '../../src/core/commerce-error.ts'
import type { Commerce, DiscountCode, DraftProduct, Lane, Metafield, Order, Segment, Shop, Variant } from '../../src/core/commerce.ts'
import { addMoney, compareMoney, type Money } from '../../src/core/money.ts'
import type { Upstream } from '../../src/core/upstream.ts'
import { orderOf, salesOf, variantOf } from './memory-shop.ts'

export interface ShopCall {
  name: string
  lane: Lane
  /** Null for reads. */
  key: string | null
  args: unknown[]
}

/** `applied`: the change is made all the same, and only its answer is lost. */
export type Trouble = { error: unknown, applied?: boolean } | 'hang'

export interface PuppetShop {
  commerce: Commerce
  upstream: Upstream
  variants: Map<string, Variant>
  orders: Map<string, Order>
  segments: Segment[]
  discounts: Map<string, DiscountCode>
  products: Map<string, DraftProduct>
  metafields: Map<string, Metafield>
  shop: Shop
  /** Reads and attempts to write, in their order. */
  calls: ShopCall[]
  /** Changes that were made. */
  writes: ShopCall[]
  /** How many changes were made with each key. */
  made: Map<string, number>
  /** Asked at each call what goes wrong with it. */
  trouble: (call: ShopCall) => Trouble | undefined
  /** Hears of each change just before it is made. */
  onWrite: (call: ShopCall) => void
  /** Forgets what was called and written. */
  clear (): void
}

export const gid = (kind: string, n: number | string): string => `gid://shopify/${kind}/${n}`

export const createPuppetShop = (clock: Pick<Clock, 'now'>, more: Partial<Shop> = {}): PuppetShop => {
  const source = more.source ?? 'sandbox'
  const stamp = () => ({ source, read_at: clock.now() })
  let ids = 1_000
  const puppet: PuppetShop = {
    commerce: undefined as unknown as Commerce,
    upstream: { name: 'shopify_api', source, host: 'puppet.example', probe: async () => {} } as unknown as Upstream,
    variants: new Map(),
    orders: new Map(),
    segments: [],
    discounts: new Map(),
    products: new Map(),
    metafields: new Map(),
    shop: {
      id: gid('Shop', 1),
      name: 'Puppet',
      domain: 'puppet.example',
      currency: 'EUR',
      timezone: 'Europe/Berlin',
      plan: 'Basic',
      taxes_included: true,
      country: 'DE',
      source,
      read_at: clock.now(),
      ...more
    },
    calls: [],
    writes: [],
    made: new Map(),
    trouble: () => undefined,
    onWrite: () => {},
    clear () {
      puppet.calls.length = 0
      puppet.writes.length = 0
      puppet.made.clear()
    }
  }

  const hang = (signal: AbortSignal): Promise<never> => new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => { reject(signal.reason) }, { once: true })
  })
  const read = async <T>(lane: Lane, name: string, signal: AbortSignal, args: unknown[], answer: () => T): Promise<T> => {
    const call = { name, lane, key: null, args }
    puppet.calls.push(call)
    signal.throwIfAborted()
    const trouble = puppet.trouble(call)
    if (trouble === 'hang') return await hang(signal)
    if (trouble !== undefined) throw trouble.error
    return answer()
  }
  const write = async <T>(lane: Lane, name: string, { effect_key: key, signal }: { effect_key: string, signal: AbortSignal }, args: unknown[],
    change: () => T): Promise<{ result: T, already: boolean } & ReturnType<typeof stamp>> => {
    const call = { name, lane, key, args }
    puppet.calls.push(call)
    signal.throwIfAborted()
    const trouble = puppet.trouble(call)
    if (trouble === 'hang') return await hang(signal)
    if (trouble !== undefined && trouble.applied !== true) throw trouble.error
    puppet.onWrite(call)
    const result = change()
    puppet.writes.push(call)
    puppet.made.set(key, (puppet.made.get(key) ?? 0) + 1)
    if (trouble !== undefined) throw trouble.error
    return { result, already: false, ...stamp() }
  }
  const found = <T>(map: Map<string, T>, id: string): T => {
    const value = map.get(id)
    if (value === undefined) throw new CommerceError('shop_not_found', `There is no ${id}.`)
    return value
  }
  const eur = (amount: string): Money => ({ amount, currency: puppet.shop.currency })

  const view = (lane: Lane): Commerce => {
    const fields: Partial<Commerce> = {
      source,
      inLane: view,
      shop: ({ signal }) => read(lane, 'shop', signal, [], () => puppet.shop),
      order: (id, { signal }) => read(lane, 'order', signal, [id], () => structuredClone(found(puppet.orders, id))),
      async * orders (filter, { signal }) { yield * await read(lane, 'orders', signal, [filter], () => [...puppet.orders.values()]) },
      async * orderStates (filter, { signal }) { yield * await read(lane, 'orderStates', signal, [filter], () => [...puppet.orders.values()]) },
      async * orderGoods (filter, { signal }) { yield * await read(lane, 'orderGoods', signal, [filter], () => [...puppet.orders.values()]) },
      async * orderSales (filter, { signal }) { yield * await read(lane, 'orderSales', signal, [filter], () => [...puppet.orders.values()].map(salesOf)) },
      returnedGoods: (ids, { signal }) => read(lane, 'returnedGoods', signal, [ids], () => []),
      variantsById: (list, { signal }) => read(lane, 'variantsById', signal, [list], () => list.map((id) => structuredClone(found(puppet.variants, id)))),
      async * variants (filter, { signal }) {
        const list = await read(lane, 'variants', signal, [filter], () => [...puppet.variants.values()].filter(({ product_id: id, status }) =>
          (filter.product_id === undefined || filter.product_id === id) && (filter.status === undefined || filter.status === status.toLowerCase())))
        yield * structuredClone(list)
      },
      metafields: (owners, { namespace, key }, { signal }) => read(lane, 'metafields', signal, [owners, namespace, key], () =>
        owners.flatMap((owner) => puppet.metafields.get(`${owner} ${namespace}.${key}`) ?? [])),
      discountCode: (code, { signal }) => read(lane, 'discountCode', signal, [code], () => structuredClone(puppet.discounts.get(code) ?? null)),
      async * segments (name, { signal }) {
        yield * await read(lane, 'segments', signal, [name], () => puppet.segments.filter((segment) => segment.name.includes(name)))
      },
      productByHandle: (handle, { signal }) => read(lane, 'productByHandle', signal, [handle], () => puppet.products.get(handle) ?? null),

      setPrices: (productId, changes, options) => write(lane, 'setPrices', options, [productId, changes], () => changes.map((change) => {
        const variant = puppet.variants.get(change.variant_id)
        if (variant === undefined || variant.product_id !== productId) throw new CommerceError('shop_user_errors', 'Product variant does not exist')
        variant.price = { ...variant.price, amount: change.price }
        if (change.compare_at_price !== undefined) {
          variant.compare_at_price = change.compare_at_price === null ? null : { ...variant.price, amount: change.compare_at_price }
        }
        return { id: variant.id, price: variant.price, compare_at_price: variant.compare_at_price }
      })),
      addOrderTags: (id, tags, options) => write(lane, 'addOrderTags', options, [id, tags], () => {
        const order = found(puppet.orders, id)
        order.tags = [...new Set([...order.tags, ...tags])]
        return { tags: [...order.tags] }
      }),
      removeOrderTags: (id, tags, options) => write(lane, 'removeOrderTags', options, [id, tags], () => {
        const order = found(puppet.orders, id)
        order.tags = order.tags.filter((tag) => !tags.includes(tag))
        return { tags: [...order.tags] }
      }),
      setOrderNote: (id, note, options) => write(lane, 'setOrderNote', options, [id, note], () => {
        const order = found(puppet.orders, id)
        order.note = note
        return { note }
      }),
      holdFulfilment: (id, hold, options) => write(lane, 'holdFulfilment', options, [id, hold], () => {
        const order = found(puppet.orders, id)
        if (order.fulfilment_status === 'FULFILLED') throw new CommerceError('shop_conflict', 'The order has nothing left that could be held.')
        order.fulfilment_status = 'ON_HOLD'
        return [{ fulfilment_order_id: id, hold_id: gid('FulfillmentHold', ids++) }]
      }),
      releaseHold: (id, holds, options) => write(lane, 'releaseHold', options, [id, holds], () => {
        found(puppet.orders, id).fulfilment_status = 'UNFULFILLED'
        return { status: 'OPEN' }
      }),
      refund: (plan, options) => write(lane, 'refund', options, [plan], () => {
        const order = found(puppet.orders, plan.order_id)
        const id = gid('Refund', ids++)
        const total = plan.expected_total
        if (total.currency !== puppet.shop.currency) throw new CommerceError('shop_conflict', 'The shop computes another sum.')
        order.refunds.push({ id, created_at: clock.now(), note: plan.note, total, lines: [], shipping: eur('0'), adjustments: eur('0') })
        order.refunded = addMoney(order.refunded, total)
        for (const { line_id: line, quantity } of plan.lines) order.lines.find((one) => one.id === line)!.current_quantity -= quantity
        return { refund_id: id, total }
      }),
      createDraftProduct: (plan, options) => write(lane, 'createDraftProduct', options, [plan], () => {
        if (puppet.products.has(plan.handle)) throw new CommerceError('shop_conflict', 'The shop has a product with this handle already.')
        const product = { id: gid('Product', ids++), handle: plan.handle, status: 'DRAFT', variant_id: gid('ProductVariant', ids++), ...stamp() }
        puppet.products.set(plan.handle, product)
        return product
      }),
      createDiscountCode: (plan, options) => write(lane, 'createDiscountCode', options, [plan], () => {
        if (puppet.discounts.has(plan.code)) throw new CommerceError('shop_user_errors', 'The code is taken.')
        const { code, title, starts_at: starts, ends_at: ends, usage_limit: limit } = plan
        const discount = {
          id: gid('DiscountCodeNode', ids++),
          code,
          title,
          status: 'ACTIVE',
          starts_at: starts,
          ends_at: Math.floor(ends / 1000) * 1000,
          usage_limit: limit,
          used: 0,
          ...stamp()
        }
        puppet.discounts.set(code, discount)
        return discount
      }),
      deactivateDiscountCode: (id, options) => write(lane, 'deactivateDiscountCode', options, [id], () => {
        for (const discount of puppet.discounts.values()) {
          if (discount.id === id) Object.assign(discount, { status: 'EXPIRED', ends_at: clock.now() })
        }
        return { status: 'EXPIRED' }
      }),
      setMetafields: (plans, options) => write(lane, 'setMetafields', options, [plans], () => plans.map((plan) => {
        const place = `${plan.owner_id} ${plan.namespace}.${plan.key}`
        const known = puppet.metafields.get(place)
        if (plan.expected_digest !== undefined && (known?.digest ?? null) !== plan.expected_digest) {
          throw new CommerceError('shop_conflict', 'The metafield was changed meanwhile.')
        }
        const { expected_digest: _digest, ...rest } = plan
        const metafield = { ...rest, digest: `d${ids++}`, ...stamp() }
        puppet.metafields.set(place, metafield)
        return metafield
      })),
      createSegment: (segment, options) => write(lane, 'createSegment', options, [segment], () => {
        if (puppet.segments.some(({ name }) => name === segment.name)) throw new CommerceError('shop_user_errors', 'The name is taken.')
        const made = { id: gid('Segment', ids++), ...segment, ...stamp() }
        puppet.segments.push(made)
        return made
      })
    }
    const unused = (name: string) => () => { throw new Error(`the puppet shop has no ${name}`) }
    return new Proxy(fields as Commerce, {
      get: (target, name) => name in target || typeof name === 'symbol' || name === 'then' ? Reflect.get(target, name) : unused(String(name))
    })
  }
  puppet.commerce = view('orders')
  return puppet
}

/** Puts a variant into the shop. Cost 40, price 100, ten in stock, SKU `SKU-<n>`. */
export const addVariant = (puppet: PuppetShop, n: number, more: Partial<Variant> & { stock?: number | null } = {}): Variant => {
  const { stock = 10, ...fields } = more
  const { currency } = puppet.shop
  const variant = variantOf(`v${n}`, stock, {
    id: gid('ProductVariant', n),
    product_id: gid('Product', n),
    sku: `SKU-${n}`,
    price: { amount: '100.00', currency },
    unit_cost: { amount: '40.00', currency },
    source: puppet.commerce.source,
    ...fields
  })
  puppet.variants.set(variant.id, variant)
  return variant
}

/** Puts an order into the shop: one line of two units at 10.00 each. */
export const addOrder = (puppet: PuppetShop, n: number, more: Partial<Order> = {}): Order => {
  const order = orderOf({ name: `#${n}`, at: 1, lines: [{ price: '10.00', quantity: 2 }], ...more as object })
  order.lines[0]!.id = gid('LineItem', n)
  order.refunded.currency = puppet.shop.currency
  puppet.orders.set(order.id, order)
  return order
}

/** A change of the price from what the shop has now. */
export const priceItem = (variant: Variant, price: string, more: object = {}) => ({
  product_id: variant.product_id,
  variant_id: variant.id,
  sku: variant.sku,
  title: variant.product_title,
  currency: variant.price.currency,
  expected_price: variant.price.amount,
  price,
  expected_compare_at_price: variant.compare_at_price?.amount ?? null,
  compare_at_price: variant.compare_at_price?.amount ?? null,
  ...more
})

export const isPrice = (variant: Variant, amount: string): boolean => compareMoney(variant.price, { ...variant.price, amount }) === 0
