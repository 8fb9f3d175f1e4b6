// A candidate as a proposal: a product as DRAFT with its price, its cost and the arithmetic of its place in the ranking.
import type { DraftOf } from '../../core/effects/proposal.ts'
import { compareMoney, multiplyMoney } from '../../core/money.ts'
import { decimal } from '../shop/sales.ts'
import type { Scored } from './score.ts'

const LONGEST_HANDLE = 120

/** `saddle-pad-levade`; '' for a title without letters and digits. */
export const handleOf = (title: string): string => title.replaceAll('ß', 'ss').normalize('NFKD').toLowerCase().replaceAll(/\p{M}/gu, '')
  .replaceAll(/[^a-z0-9]+/g, '-').slice(0, LONGEST_HANDLE).replaceAll(/^-+|-+$/g, '')

/** @param handle its address in the shop, known to be free. */
export const proposalOf = (scored: Scored, handle: string, seen: { as_of: string, received_at: string, rank: number }): DraftOf<'draft_product'> => {
  const { candidate, price, floor, score, terms, category } = scored
  const { currency } = price
  return {
    class: 'draft_product',
    key: `draft:${handle}`,
    title: `Take “${candidate.title}” of ${candidate.supplier} into the shop as a draft at ${decimal(price)} ${currency}.`,
    rationale: [
      `Score ${score} = ${terms.map(({ name, weight, value }) => `${name === 'similarity' ? '- ' : '+ '}${weight} x ${value} (${name})`).join(' ').slice(2)}.`,
      ...terms.map(({ name, value, because }) => `${name} ${value}: ${because}.`),
      `Landed cost ${decimal(candidate.landed)} ${currency} = ${decimal(candidate.unit_cost)} unit cost + ${decimal(candidate.shipping_cost)} shipping.`,
      priceLine(scored),
      `One unit leaves ${decimal(scored.unit_margin)} ${currency} after tax, shipping and fees.`,
      firstOrderLine(scored)
    ],
    items: [{
      title: candidate.title,
      handle,
      description_html: paragraphs(candidate.description),
      vendor: candidate.supplier,
      product_type: candidate.type,
      tags: ['reo:candidate'],
      sku: candidate.sku,
      price: decimal(price),
      unit_cost: decimal(candidate.landed),
      currency
    }],
    evidence: {
      as_of: seen.as_of,
      list_received_at: seen.received_at,
      list_row: candidate.row,
      rank: seen.rank,
      score,
      terms: terms.map((term) => ({ ...term })),
      floor: decimal(floor),
      margin: scored.margin,
      category: category === null ? null : { ...category },
      most_like: scored.likeness.title,
      likeness: scored.likeness.share
    },
    // What a product that nobody has seen brings, and what it takes from those beside it, nobody can say.
    expected_gain: null
  }
}

const priceLine = ({ candidate: { suggested_price: suggested }, price, floor }: Scored): string => compareMoney(suggested, floor) < 0
  ? `Price ${decimal(price)} ${price.currency}: the floor, as the suggested ${decimal(suggested)} is below it.`
  : `Price ${decimal(price)} ${price.currency} as suggested, not below the floor of ${decimal(floor)}.`

const firstOrderLine = ({ candidate: { landed, moq, lead_time_days: lead }, category }: Scored): string => {
  const arrival = lead === null ? 'The lead time is unknown' : `It takes ${lead} days to come`
  if (moq === null) return `${arrival}; the least quantity is unknown.`
  const demand = category?.units_per_week_per_product ?? 0
  const weeks = demand > 0 ? `, about ${Math.ceil(moq / demand)} weeks of what a product of this type sells here` : ''
  return `${arrival}; the least quantity of ${moq} costs ${decimal(multiplyMoney(landed, moq))} ${landed.currency}${weeks}.`
}

/** The supplier's words as text: markup in them stays text. */
const paragraphs = (text: string): string => text.split(/\n+/).map((line) => line.replaceAll(/\p{C}+/gu, ' ').trim()).filter((line) => line !== '')
  .map((line) => `<p>${line.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')}</p>`).join('\n')
