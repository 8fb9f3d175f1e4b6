// A slow and obvious judge of what arrives at the shop, written from the rules and not from the guard: it keeps its own books of who approved what,
// of what was changed when, and of what is frozen, and computes with whole numbers of its own.
import type { Policy } from '../../../src/core/effects/policy.ts'
import type { ProposalDraft } from '../../../src/core/effects/proposal.ts'
import type { PuppetShop, ShopCall } from '../../helpers/puppet-shop.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const STRICTNESS = ['auto', 'approve', 'two_person', 'block']
const MONEY = ['price_change', 'refund', 'discount_code', 'purchase_order', 'order_cancel']

/** What the oracle was told when a proposal was filed. */
export interface Known {
  agent: string
  requestedBy: string | null
  draft: ProposalDraft
  expiresAt: number
  /** What people said, and what of it was taken; the policy's own word has the actor null. */
  approvals: Array<{ actor: string | null, items: number[] | null }>
  rejected: boolean
}

/** What held at a moment. */
export interface Circumstances {
  policy: Policy
  autonomy: Map<string, string>
  frozen: string[]
}

interface Made { key: string, proposal: string, agent: string, class: string, at: number, risk: bigint, variant?: string, from?: string, to?: string }

// Amounts as whole numbers of millionths: every amount here has at most six decimals.
const MICRO = 1_000_000n
const micro = (text: string): bigint => {
  const [, sign, whole, fraction = ''] = /^(-?)(\d+)(?:\.(\d{1,6}))?$/.exec(text) ?? []
  if (whole === undefined) throw new Error(`${text} is no amount that the oracle can read`)
  const value = BigInt(whole) * MICRO + BigInt(fraction.padEnd(6, '0'))
  return sign === '-' ? -value : value
}
const distance = (a: bigint, b: bigint): bigint => a > b ? a - b : b - a

/** The smallest coin, in millionths. */
const coinOf = (currency: string): bigint => currency === 'JPY' ? MICRO : MICRO / 100n

/** (cost + shipping + fees) x (1 + VAT) / (1 - margin), up to the coin; undefined: nobody knows. */
export const floorFor = ({ price }: Policy, cost: { amount: string, currency: string } | null, currency: string, taxed: boolean): bigint | undefined => {
  if (cost === null || cost.currency !== currency || (taxed && price.vat === null)) return undefined
  const landed = micro(cost.amount) + micro(price.shipping_per_unit) + micro(price.fees_per_unit)
  const above = landed * (MICRO + (taxed ? micro(price.vat!) : 0n))
  const below = MICRO - micro(price.minimum_margin)
  const coin = coinOf(currency)
  // above / below is in millionths: rounded up to the next coin.
  const step = below * coin
  return ((above + step - 1n) / step) * coin
}

const nameOf = (actor: string): string => actor.trim().replace(/\s+/g, ' ').toLowerCase()

export class Oracle {
  readonly finds: string[] = []
  readonly known = new Map<string, Known>()
  readonly made: Made[] = []
  /** Undoings that somebody asked for, by the key of the effect that is undone. */
  readonly undone = new Map<string, string>()
  checked = 0
  readonly #shop: PuppetShop
  readonly #now: () => number
  /** What held when the change was begun. */
  readonly #circumstances: (key: string) => Circumstances
  /** Whether the ledger has the beginning of it in its log. */
  readonly #isLogged: (key: string) => boolean
  /** The key of the effect that an undoing undoes. */
  readonly #undoes: (key: string) => string | undefined

  constructor (args: {
    shop: PuppetShop,
    now: () => number,
    circumstances: (key: string) => Circumstances,
    isLogged: (key: string) => boolean,
    undoes: (key: string) => string | undefined
  }) {
    this.#shop = args.shop
    this.#now = args.now
    this.#circumstances = args.circumstances
    this.#isLogged = args.isLogged
    this.#undoes = args.undoes
  }

  /** Looks at a change just before the shop makes it. */
  judge (call: ShopCall): void {
    this.checked += 1
    const key = call.key!
    const find = (what: string): void => { this.finds.push(`${call.name} ${key}: ${what}`) }
    const holds = this.#circumstances(key)
    if (!this.#isLogged(key)) find('no audit row')
    if (this.made.some((one) => one.key === key)) find('made twice')
    if (key.startsWith('revert:')) return this.#judgeUndoing(call, holds, find)
    const [id = '', place = ''] = key.split(':')
    const index = Number(place)
    const known = this.known.get(id)
    if (known === undefined) return find('a proposal that nobody filed')
    const { draft } = known
    const item = draft.items[index] as Record<string, any> | undefined
    if (item === undefined) return find('a change that the proposal does not have')
    if (frozen(holds.frozen, known.agent, draft.class)) find('frozen')
    if (this.#now() >= known.expiresAt) find('expired')
    if (known.rejected) find('rejected')
    this.#isAsFiled(call, draft.class, item, find)
    const at = this.#now()
    const rule = { ...holds.policy.classes[draft.class], ...holds.policy.agents[known.agent]?.[draft.class] }
    const risk = this.#judgeItem(draft.class, item, holds.policy, find)
    const before = this.made.filter((one) => one.proposal === id && one.key !== key)
    const sum = before.reduce((total, one) => total + one.risk, risk)
    if (before.length + 1 > rule.max_items) find('more changes than one proposal may have')
    const today = this.made.filter((one) => one.agent === known.agent && one.class === draft.class && one.at > at - DAY).length
    if (today + 1 > rule.max_items_per_day) find('more changes than a day may have')
    if (rule.max_at_risk !== null && sum > micro(rule.max_at_risk)) find('more money at risk than allowed')
    let needs: string = rule.decision
    if (rule.two_person_from !== null && sum >= micro(rule.two_person_from) && STRICTNESS.indexOf(needs) < 2) needs = 'two_person'
    this.#isApproved(known, index, needs, holds.autonomy.get(known.agent) ?? 'suggest', find)
    const price = draft.class === 'price_change' ? { variant: item['variant_id'], from: item['expected_price'], to: item['price'] } : {}
    this.made.push({ key, proposal: id, agent: known.agent, class: draft.class, at, risk, ...price })
  }

  #isApproved (known: Known, index: number, needs: string, autonomy: string, find: (what: string) => void): void {
    const given = known.approvals.filter(({ items }) => items === null || items.includes(index))
    if (given.length < known.approvals.length) find('one of the approvers had left this change out')
    const people = given.filter(({ actor }) => actor !== null).map(({ actor }) => nameOf(actor!))
    const alone = autonomy === 'autonomous' || (autonomy === 'act_with_approval' && !MONEY.includes(known.draft.class))
    if (needs === 'block') return find('blocked')
    if (needs === 'auto') {
      if (people.length === 0 && !(alone && given.length > 0)) find('nobody let it pass')
      return
    }
    if (needs === 'approve' && people.length === 0) find('not approved by a person')
    if (needs !== 'two_person') return
    const requester = known.requestedBy === null ? undefined : nameOf(known.requestedBy)
    const named = new Set(people.filter((name) => name !== 'api' && name !== requester))
    if (named.size < 2) find('not approved by two people other than the one who asked')
  }

  /** What arrives is what was filed, to the letter. */
  #isAsFiled (call: ShopCall, name: string, item: Record<string, any>, find: (what: string) => void): void {
    const [first, second] = call.args as [any, any]
    const same = ((): boolean => {
      switch (name) {
        case 'price_change': return call.name === 'setPrices' && first === item['product_id'] && second.length === 1 &&
          second[0].variant_id === item['variant_id'] &&
          second[0].price === item['price'] && (second[0].compare_at_price === undefined
          ? item['compare_at_price'] === item['expected_compare_at_price']
          : second[0].compare_at_price === item['compare_at_price'])
        case 'order_tag': return call.name === 'addOrderTags' && first === item['order_id'] && second.join() === item['add'].join()
        case 'order_note': return call.name === 'setOrderNote' && first === item['order_id'] && second === item['note']
        case 'order_hold': return call.name === 'holdFulfilment' && first === item['order_id'] && second.reason === item['reason']
        case 'refund': return call.name === 'refund' && first.order_id === item['order_id'] && first.expected_total.amount === item['expected_total'] &&
          first.expected_total.currency === item['currency'] && JSON.stringify(first.lines) === JSON.stringify(item['lines'])
        case 'discount_code': return call.name === 'createDiscountCode' && first.code === item['code'] && first.value.percentage === item['percentage'] &&
          first.ends_at === item['ends_at'] && first.usage_limit === item['usage_limit'] && first.product_ids.join() === item['product_ids'].join()
        case 'segment': return call.name === 'createSegment' && first.name === item['name'] && first.query === item['query']
        case 'recommendation': return call.name === 'setMetafields' && first[0].owner_id === item['product_id'] &&
          first[0].value === JSON.stringify(item['products'])
        case 'draft_product': return call.name === 'createDraftProduct' && first.handle === item['handle'] && first.price === item['price']
        default: return false
      }
    })()
    if (!same) find('not what was filed')
  }

  /** Answers the money at risk. */
  #judgeItem (name: string, item: Record<string, any>, policy: Policy, find: (what: string) => void): bigint {
    const { currency } = this.#shop.shop
    if (item['currency'] !== undefined && item['currency'] !== currency) find('wrong currency')
    switch (name) {
      case 'price_change': return this.#judgePrice(item, policy, find)
      case 'refund':
        if (micro(item['expected_total']) > micro(policy.refund.max_amount)) find('a refund beyond its limit')
        return micro(item['expected_total'])
      case 'discount_code': return this.#judgeCode(item, policy, find)
      default: return 0n
    }
  }

  #judgePrice (item: Record<string, any>, policy: Policy, find: (what: string) => void): bigint {
    const { currency, taxes_included: taxed } = this.#shop.shop
    const variant = this.#shop.variants.get(item['variant_id'])
    if (variant === undefined || variant.product_id !== item['product_id']) {
      find('a variant that is not there')
      return 0n
    }
    const { price: rules } = policy
    const { sku } = variant
    const enrolled = sku !== null && rules.enrolled_skus.some((one) => one === sku || (one.endsWith('*') && sku.startsWith(one.slice(0, -1))))
    if (!enrolled) find('not enrolled')
    if (variant.price.currency !== currency) find('wrong currency')
    const to = micro(item['price'])
    if (to % coinOf(currency) !== 0n) find('a part of a coin')
    const floor = floorFor(policy, variant.unit_cost, currency, taxed)
    if (floor === undefined) find('unknown cost or floor')
    else if (to < floor) find(`below the floor of ${floor}`)
    const now = micro(variant.price.amount)
    if (now !== micro(item['expected_price'])) find('the shop had moved')
    const at = this.#now()
    const past = this.made.filter((one) => one.variant === item['variant_id'])
    const beyond = (base: bigint, fraction: string): boolean => distance(to, base) * MICRO > base * micro(fraction)
    for (const [span, most, word] of [[DAY, rules.max_change_day, 'a day'], [30 * DAY, rules.max_change_30_days, '30 days']] as const) {
      const first = past.find((one) => one.at > at - span)
      if (beyond(first === undefined ? now : micro(first.from!), most)) find(`moved too far within ${word}`)
    }
    if (beyond(now, rules.max_change_day)) find('moved too far at once')
    if (past.some((one) => at - one.at < rules.cooldown_hours * HOUR)) find('too soon')
    const compare = item['compare_at_price'] as string | null
    if (compare !== null && compare !== item['expected_compare_at_price']) {
      const seen = [now, ...past.filter((one) => one.at > at - 30 * DAY).flatMap((one) => [micro(one.from!), micro(one.to!)])]
      if (seen.some((amount) => micro(compare) > amount)) find('a price before that nobody paid for 30 days')
      if (micro(compare) <= to) find('a price before that is not above')
    }
    // Stock that nobody counts: what is at risk is not known, and then a person has been asked, see #isApproved.
    const stock = variant.tracked ? variant.levels.reduce((sum, level) => sum + level.available, 0) : 0
    return distance(to, now) * BigInt(Math.max(0, stock))
  }

  #judgeCode (item: Record<string, any>, policy: Policy, find: (what: string) => void): bigint {
    const { currency, taxes_included: taxed } = this.#shop.shop
    const percentage = micro(item['percentage'].toFixed(6))
    if (percentage > micro(policy.discount.max_percentage)) find('too deep a discount')
    const now = this.#now()
    if (item['ends_at'] <= Math.max(now, item['starts_at']) ||
      item['ends_at'] - Math.max(now, item['starts_at']) > policy.discount.max_days * DAY) find('a discount for too long')
    for (const variant of this.#shop.variants.values()) {
      const covered = item['product_ids'].length === 0 ? variant.status === 'ACTIVE' : item['product_ids'].includes(variant.product_id)
      if (!covered) continue
      const floor = floorFor(policy, variant.unit_cost, currency, taxed)
      const coin = coinOf(currency)
      const price = micro(variant.price.amount) * (MICRO - percentage) / MICRO / coin * coin
      if (floor === undefined) find('a discount on what has no known floor')
      else if (price < floor) find('a discount below the floor')
    }
    return micro(item['cost_per_use']) * BigInt(item['usage_limit'])
  }

  #judgeUndoing (call: ShopCall, holds: Circumstances, find: (what: string) => void): void {
    const of = this.#undoes(call.key!)
    if (of === undefined || !this.undone.has(of)) return find('an undoing that nobody asked for')
    const [id = '', place = ''] = of.split(':')
    const known = this.known.get(id)
    if (known === undefined) return find('an undoing of nothing')
    if (frozen(holds.frozen, known.agent, known.draft.class)) find('frozen')
    const item = known.draft.items[Number(place)] as Record<string, any>
    const entry: Made = { key: call.key!, proposal: `undoing ${id}`, agent: known.agent, class: known.draft.class, at: this.#now(), risk: 0n }
    if (known.draft.class === 'price_change') {
      const [, [change]] = call.args as [string, [{ variant_id: string, price: string }]]
      if (change.variant_id !== item['variant_id'] || micro(change.price) !== micro(item['expected_price'])) find('not back to what it was')
      const { currency, taxes_included: taxed } = this.#shop.shop
      const floor = floorFor(holds.policy, this.#shop.variants.get(change.variant_id)?.unit_cost ?? null, currency, taxed)
      if (floor === undefined || micro(change.price) < floor) find('undone to below the floor')
      Object.assign(entry, { variant: change.variant_id, from: item['price'], to: change.price })
    }
    this.made.push(entry)
  }
}

const frozen = (scopes: string[], agent: string, name: string): boolean =>
  scopes.some((scope) => scope === 'all' || scope === `agent:${agent}` || scope === `class:${name}`)
