// The next step of a campaign: first its segment, then its code, then its draft; each waits until the one before exists in the shop.
import { CommerceError } from '../../core/commerce-error.ts'
import type { CommerceReader, Customer, DiscountCode, Segment, Variant } from '../../core/commerce.ts'
import type { ProposalDraft } from '../../core/effects/proposal.ts'
import type { PriceLimits } from '../../core/shop-history.ts'
import type { Slices } from '../shop/slices.ts'
import { audienceOf, type Audience } from './audience.ts'
import type { Buyer } from './buyers.ts'
import type { Campaign } from './campaigns.ts'
import { averageOrderOf, codesFor, discountable, discountProposal, type CodePlan } from './discounts.ts'
import { campaignProposal, segmentProposal } from './drafts.ts'
import { ruleOf, type Person } from './rule.ts'
import type { Skip, Step } from './schemas.ts'

export interface StepContext {
  commerce: CommerceReader
  signal: AbortSignal
  slices: Slices
  now: number
  today: string
  week: string
  shop: { name: string, currency: string, timezone: string }
  people: ReadonlyArray<{ customer: Customer, person: Person }>
  buyers: ReadonlyMap<string, Buyer>
  /** Variants of the products on show, by product. */
  onShow: ReadonlyMap<string, Variant[]>
  soldOf: (productId: string) => number
  limits: () => Promise<PriceLimits>
  holdOut: number
  maxUses: number
  codeDays: number
  minAudience: number
  facts: (campaign: Campaign) => string[]
}

export interface Taken {
  campaign: Campaign
  segmentExists: boolean
  audience: Audience
  code: string | null
  step: Step
  skipped: Skip | null
  next: string
  proposal?: ProposalDraft
}

export const stepOf = async (campaign: Campaign, context: StepContext): Promise<Taken> => {
  const segment = await segmentNamed(campaign.segment, context)
  // What the shop has counts: the owner may have changed the rule, or it was made with earlier thresholds.
  const rule = segment === undefined ? campaign.rule : ruleOf(segment.query)
  const base = { campaign, segmentExists: segment !== undefined, code: null, step: 'nothing' as const, skipped: null }
  if (rule === undefined || rule.channel !== campaign.rule.channel) {
    const nobody: Audience = { reached: [], held: [], without_consent: 0, data_sale_opt_out: 0 }
    return {
      ...base,
      audience: nobody,
      skipped: 'segment_not_understood',
      next: `The segment “${campaign.segment}” was changed in the shop to a query that is not understood here: rename it, and a new one is proposed.`
    }
  }
  const { slices, holdOut: share, today, shop: { timezone: timeZone } } = context
  const audience = await audienceOf(context.people, { campaign: campaign.id, rule, share, today, timeZone }, slices)
  const found = { ...base, audience }
  if (audience.reached.length + audience.held.length < context.minAudience) {
    return { ...found, skipped: 'audience_too_small', next: `Nothing: fewer than ${context.minAudience} consenting people fit.` }
  }
  if (segment === undefined) {
    return {
      ...found,
      step: 'segment_proposed',
      next: campaign.offer === null
        ? 'Approve the segment; it can be used then.'
        : 'Approve the segment: the code is proposed in the run after it was made, and the draft in the run after the code was made.',
      proposal: segmentProposal(campaign, audience)
    }
  }
  const draft = (code?: DiscountCode): ProposalDraft => campaignProposal({
    campaign, audience, rule, shopName: context.shop.name, timeZone, week: context.week, facts: context.facts(campaign), ...(code === undefined ? {} : { code })
  })
  if (campaign.offer === null) {
    return campaign.subject === 'abandoned_checkout'
      ? { ...found, step: 'draft_proposed', next: 'Read the draft, leave the hold-out out, and send it.', proposal: draft() }
      : { ...found, skipped: 'segment_needs_no_campaign', next: 'Nothing: the segment is there for your own use.' }
  }
  return codeStep({ ...campaign, offer: campaign.offer }, segment, found, draft, context)
}

const codeStep = async (
  campaign: Campaign & { offer: NonNullable<Campaign['offer']> }, segment: Segment, found: Omit<Taken, 'next'>,
  draft: (code: DiscountCode) => ProposalDraft, context: StepContext
): Promise<Taken> => {
  const { now, maxUses, onShow, shop: { currency, timezone: timeZone } } = context
  const plans = codesFor(campaign, { now, timeZone, days: context.codeDays })
  const earlier = await earlierCode(plans, context)
  if (earlier === 'taken') return { ...found, skipped: 'code_taken', next: `A discount of another kind has a code like ${plans[0]!.code}.` }
  if (earlier !== undefined) {
    const known = { ...found, code: earlier.code }
    if (earlier.status === 'EXPIRED' || (earlier.ends_at ?? Infinity) <= now) {
      return { ...known, skipped: 'resting', next: `Nothing: ${earlier.code} has ended, and four weeks pass before the next code.` }
    }
    // The first use tells that the draft was sent: it is not proposed again.
    return earlier.used > 0
      ? { ...known, skipped: 'code_is_in_use', next: `Nothing until ${earlier.code} ends.` }
      : {
          ...known,
          step: 'draft_proposed',
          next: `Read the draft with the code ${earlier.code}, leave the hold-out out, and send it.`,
          proposal: draft(earlier)
        }
  }
  const { reached, held } = found.audience
  const average = averageOrderOf([...reached, ...held].flatMap((id) => context.buyers.get(id) ?? []), currency)
  if (average === null) {
    return { ...found, skipped: 'unknown_order_value', next: 'Nothing: no order of these customers is known, so what a code costs is not either.' }
  }
  const { products } = campaign.offer
  const wanted = products === null ? [...onShow.values()] : products.map((id) => onShow.get(id)).filter((own) => own !== undefined)
  const fit = discountable(wanted, campaign.offer.percentage, await context.limits(), currency, context.soldOf)
  if (fit.products.length === 0) {
    const { unknown_cost: unknown, unknown_vat: noVat, below_floor: below, not_enrolled: not } = fit.left_out
    return {
      ...found,
      skipped: 'no_product_above_its_floor',
      next: `Nothing: of ${wanted.length} products ${unknown} have an unknown cost, ${below} would be below their floor, ${not} are not enrolled` +
        `${noVat > 0 ? `; for ${noVat} no floor is known, because the policy names no VAT (price.vat at PUT /policies)` : ''}.`
    }
  }
  return {
    ...found,
    code: plans[0]!.code,
    step: 'code_proposed',
    next: 'Approve the code: the draft is proposed in the run after it was made.',
    proposal: discountProposal({
      campaign, plan: plans[0]!, segmentId: segment.id, discountable: fit, average, reached: reached.length, held: held.length, maxUses, timeZone
    })
  }
}

const segmentNamed = async (name: string, { commerce, signal }: StepContext): Promise<Segment | undefined> => {
  let found: Segment | undefined
  for await (const segment of commerce.segments(name, { signal })) found ??= segment
  return found
}

/** The latest code of this campaign; `taken`: a discount that was not made here has such a code. */
const earlierCode = async (plans: readonly CodePlan[], { commerce, signal }: StepContext): Promise<DiscountCode | 'taken' | undefined> => {
  for (const { code } of plans) {
    try {
      const found = await commerce.discountCode(code, { signal })
      if (found !== null) return found
    } catch (error) {
      if (error instanceof CommerceError && error.code === 'shop_user_errors') return 'taken'
      throw error
    }
  }
  return undefined
}
