// Segments and drafts of campaigns for a person to look at. Templates with facts and figures: no claims, no names, no addresses.
import type { DiscountCode } from '../../core/commerce.ts'
import type { DraftOf } from '../../core/effects/proposal.ts'
import { dayOf } from '../shop/days.ts'
import { count as counted, figure, oneLine } from '../wording.ts'
import type { Audience } from './audience.ts'
import type { Campaign } from './campaigns.ts'
import { queryOf, type Rule } from './rule.ts'

const WEEK_MS = 7 * 86_400_000

export const segmentProposal = (campaign: Campaign, audience: Audience): DraftOf<'segment'> => {
  const query = queryOf(campaign.rule)
  return {
    class: 'segment',
    key: `segment:${campaign.id}`,
    title: `Make the segment “${campaign.segment}”.`,
    rationale: [
      campaign.because,
      ...peopleLines(audience),
      `Query: ${oneLine(query, 1_000)}`,
      ...(campaign.offer === null ? [] : ['A code for it is proposed in the run after this segment was made, the draft in the run after the code was made.'])
    ],
    items: [{ name: campaign.segment, query }],
    evidence: { campaign: campaign.id, ...figuresOf(audience) },
    expected_gain: null,
    valid_for_ms: WEEK_MS
  }
}

interface Terms {
  campaign: Campaign
  audience: Audience
  /** What the segment says at the shop. */
  rule: Rule
  shopName: string
  timeZone: string
  /** The Monday of this week. */
  week: string
  /** For campaigns with an offer: the code that runs. */
  code?: DiscountCode
  /** More facts, a sentence each. */
  facts: string[]
}

export const campaignProposal = ({ campaign, audience, rule, shopName, timeZone, week, code, facts }: Terms): DraftOf<'campaign_draft'> => {
  const { subject, body } = textOf(campaign, oneLine(shopName, 80), timeZone, code)
  return {
    class: 'campaign_draft',
    key: `campaign:${campaign.id}`,
    title: `Look at the draft for the segment “${campaign.segment}”: ${counted(audience.reached.length, 'contact')}.`,
    rationale: [
      campaign.because,
      ...peopleLines(audience),
      `Hold-out: leave these ${figure(audience.held.length)} people out when you send, or nothing can be measured. A run with {"list_hold_out_of": ` +
        `"${campaign.id}"} lists their ids.`,
      `The segment says: ${oneLine(queryOf(rule), 1_000)}`,
      ...facts,
      'The text is a template: what is in square brackets is filled in by the tool that sends it, and a person reads it before.'
    ],
    items: [{
      name: `reo: ${campaign.id}, week of ${week}`.slice(0, 120),
      segment: campaign.segment,
      subject,
      body,
      audience: audience.reached.length,
      hold_out: audience.held.length
    }],
    evidence: { campaign: campaign.id, ...figuresOf(audience), code: code?.code ?? null },
    expected_gain: null
  }
}

const peopleLines = ({ reached, held, without_consent: without, data_sale_opt_out: objected }: Audience): string[] => [
  `${counted(reached.length + held.length, 'consenting contact')} now: ${figure(reached.length)} to be written to, ${figure(held.length)} held out.`,
  `${figure(without)} more fit and did not consent: they are neither counted nor in the segment.`,
  ...(objected === 0
    ? []
    : [`${figure(objected)} more consented but objected to the sale of their data: not counted. Hand the segment to no advertising platform.`])
]

const figuresOf = (audience: Audience): { reached: number, hold_out: number, without_consent: number, data_sale_opt_out: number } => ({
  reached: audience.reached.length,
  hold_out: audience.held.length,
  without_consent: audience.without_consent,
  data_sale_opt_out: audience.data_sale_opt_out
})

const textOf = (campaign: Campaign, shopName: string, timeZone: string, code: DiscountCode | undefined): { subject: string, body: string } => {
  const end = ['', `You get this message because you subscribed to news from ${shopName}.`, '[unsubscribe link]']
  const offer = code === undefined || campaign.offer === null
    ? []
    : [
        '',
        `Until ${code.ends_at === null ? '[end of the code]' : dayOf(code.ends_at - 1, timeZone)} the code ${code.code} takes ` +
          `${figure(100 * campaign.offer.percentage)} % off the products that it applies to, once a customer. ` +
          'It ends earlier when it has been used often enough. [conditions of the code]'
      ]
  if (campaign.subject === 'abandoned_checkout') {
    return {
      subject: `Your checkout at ${shopName}`,
      body: ['Hello,', '', `you began a checkout at ${shopName} and did not finish it. Nothing in it is reserved. You can go on here:`,
        '[link to the checkout]', ...end].join('\n')
    }
  }
  const opening = campaign.subject === 'overstock'
    ? `you bought something of “${campaign.type ?? ''}” from ${shopName} within the last year. Of the same kind we have in stock: [products of the code].`
    : `your last order at ${shopName} was a while ago.`
  return {
    subject: code === undefined ? `News from ${shopName}` : `${figure(100 * (campaign.offer?.percentage ?? 0))} % with the code ${code.code} at ${shopName}`,
    body: ['Hello,', '', opening, ...offer, ...end].join('\n')
  }
}
