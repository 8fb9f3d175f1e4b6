// Customer support: reads a ticket, finds its order if it is the sender's, and drafts an answer from facts. A person sends it.
import { defineAgent, PermanentError, type AgentContext } from '../../core/agent.ts'
import type { CommerceReader, ShopPolicy } from '../../core/commerce.ts'
import { CommerceError } from '../../core/commerce-error.ts'
import type { ProposalDraft } from '../../core/effects/proposal.ts'
import type { StoreEvent } from '../../core/model.ts'
import { count } from '../wording.ts'
import { classify, urgencyOf } from './classify.ts'
import { draftOf, type Draft } from './draft.ts'
import { languageOf, REPLY_LANGUAGES, type ReplyLanguage } from './language.ts'
import { matchOrder, type OrderMatch, type Ticket } from './match-order.ts'
import type { AnsweredClass } from './phrases.ts'
import { LIMITS, SupportInputSchema, SupportOutputSchema, type SupportInput, type SupportOutput } from './schemas.ts'
import type { TicketClass } from './vocabulary.ts'
import { wordsOf } from './words.ts'

/** What the order is marked with, so that it is found in the shop's list. */
const TAGS: Partial<Record<TicketClass, string>> = {
  return: 'reo:return-requested',
  exchange: 'reo:exchange-requested',
  damaged_or_wrong: 'reo:damage-reported',
  cancel_or_change: 'reo:cancel-requested',
  complaint: 'reo:complaint'
}
/** Less sure than this, an order is not marked. */
const TAG_CONFIDENCE = 0.4
const NEEDS_ORDER = new Set<TicketClass>(['where_is_my_order', 'return', 'exchange', 'damaged_or_wrong', 'cancel_or_change', 'invoice_or_payment'])
const CLOSED = /^ticket\.(?:closed|solved|resolved|deleted|archived|merged|spam)$/

export const customerSupport = defineAgent({
  name: 'customer_support',
  description: "Sorts a customer's ticket and drafts an answer from the facts of the sender's own order and the shop's policies.",
  input: SupportInputSchema,
  output: SupportOutputSchema,
  triggers: { events: ['ticket.*'] },
  inputFromEvent: ({ type, data }: StoreEvent): SupportInput => ({ ticket: ticketOf(data), event_type: type.slice(0, 200) }),

  async run (context: AgentContext, { ticket, event_type: event }: SupportInput): Promise<SupportOutput> {
    const { ports: { commerce: port }, signal, clock } = context
    if (port === undefined) throw new PermanentError('shop_not_configured', 'There is no shop to answer tickets for: configure one.')
    const commerce = port.inLane('support')
    const { class: kind, confidence, scores } = classify(ticket.subject, ticket.text)
    const whole = `${ticket.subject}\n${ticket.text}`
    const guess = languageOf(whole, wordsOf(whole))
    const reply: ReplyLanguage = REPLY_LANGUAGES.find((language) => language === guess.language) ?? 'en'
    const { urgency, reasons } = urgencyOf(ticket.subject, ticket.text, kind)
    const known = {
      ticket_id: ticket.id,
      source: commerce.source,
      class: kind,
      confidence,
      scores,
      language: { detected: guess.language, confidence: guess.confidence, reply },
      urgency,
      urgency_reasons: reasons
    }
    const untouched = {
      ...known,
      as_of: iso(clock.now()),
      order: { state: 'none' as const, reason: 'not_about_an_order' as const },
      policies: 'not_asked' as const,
      draft: null,
      facts: [],
      proposals: []
    }
    if (event !== undefined && CLOSED.test(event)) return { ...untouched, state: 'closed' }
    // Such a message gets nothing done: no look at any order, no answer, no mark.
    if (kind === 'spam' || kind === 'manipulation') return { ...untouched, state: 'for_a_person' }

    const match = await matchOrder(commerce, ticket, kind, { now: clock.now(), signal })
    const { policies, state: policyState } = await policiesOf(commerce, signal)
    const shop = await commerce.shop({ signal })
    const draft = draftOf({
      kind, language: reply, order: match.state === 'matched' ? match.order : null, askOrder: match.state === 'none' && NEEDS_ORDER.has(kind), policies, shop
    })
    const asOf = clock.now()
    const drafts = proposalsOf({ ticket, kind, confidence, reply, match, draft, asOf: iso(asOf), urgency })
    const filed = await context.propose(drafts)
    return {
      ...known,
      state: 'drafted',
      as_of: iso(asOf),
      order: match.state === 'matched' ? { state: 'matched', id: match.order.id, name: match.order.name, by: match.by } : match,
      policies: policyState,
      draft: { subject: draft.subject, body: draft.body },
      facts: draft.facts,
      proposals: drafts.map((each, index) => ({ class: each.class, id: filed[index]?.id ?? '', outcome: filed[index]?.outcome ?? 'unknown' }))
    }
  },

  summarise ({ ticket_id: id, state, class: kind, urgency, language, order, facts, proposals }: SupportOutput): string {
    const what = `Ticket ${id}: ${kind.replaceAll('_', ' ')}${urgency === 'high' ? ', urgent' : ''}, in ${LANGUAGE_NAMES[language.detected]}`
    if (state === 'closed') return `${what}. It is closed and needs no answer.`
    if (state === 'for_a_person') return `${what}. No answer was drafted: a person should look at it.`
    const about = order.state === 'matched' ? `about order ${order.name}` : `no order is spoken about (${order.reason.replaceAll('_', ' ')})`
    return `${what}; ${about}. A draft with ${count(facts.length, 'fact')} waits for a person to send it` +
      `${proposals.some((each) => each.class === 'order_tag') ? ', and a tag for the order was proposed' : ''}.`
  }
})

const LANGUAGE_NAMES: Record<SupportOutput['language']['detected'], string> = {
  en: 'English', de: 'German', fr: 'French', nl: 'Dutch', other: 'another language', unknown: 'an unknown language'
}

/** Without the policies there is still an answer; a shop that is down ends the attempt. */
const policiesOf = async (commerce: CommerceReader, signal: AbortSignal): Promise<{ policies: ShopPolicy[], state: 'read' | 'not_readable' }> => {
  try {
    const { policies } = await commerce.policies({ signal })
    return { policies, state: 'read' }
  } catch (error) {
    if (error instanceof CommerceError && error.code === 'shop_access_denied') return { policies: [], state: 'not_readable' }
    throw error
  }
}

interface Answered {
  ticket: Ticket
  kind: AnsweredClass
  confidence: number
  reply: ReplyLanguage
  match: OrderMatch
  draft: Draft
  asOf: string
  urgency: string
}

const proposalsOf = ({ ticket, kind, confidence, reply, match, draft, asOf, urgency }: Answered): ProposalDraft[] => {
  const name = kind.replaceAll('_', ' ')
  const evidence = { as_of: asOf, class: kind, confidence, urgency, order: match.state === 'matched' ? match.order.name : null }
  const proposals: ProposalDraft[] = [{
    class: 'reply_draft',
    key: `reply:${ticket.id}`,
    title: `Answer ticket ${ticket.id} (${name}${urgency === 'high' ? ', urgent' : ''}).`,
    rationale: [
      `The message was taken for “${name}” with confidence ${confidence}.`,
      match.state === 'matched'
        ? `Order ${match.order.name} belongs to the sender (found by ${match.by.replaceAll('_', ' ')}).`
        : `No order is spoken about: ${match.reason.replaceAll('_', ' ')}.`,
      ...draft.facts.map(({ fact, source }) => `${fact} [${source}]`)
    ],
    items: [{ ticket_id: ticket.id, language: reply, subject: draft.subject, body: draft.body, facts: draft.facts }],
    evidence,
    expected_gain: null
  }]
  const tag = TAGS[kind]
  if (match.state !== 'matched' || tag === undefined || confidence < TAG_CONFIDENCE || match.order.tags.includes(tag)) return proposals
  proposals.push({
    class: 'order_tag',
    key: `tag:${match.order.id}:${tag}`,
    title: `Mark order ${match.order.name} with “${tag}”.`,
    rationale: [`Ticket ${ticket.id} of its customer was taken for “${name}” with confidence ${confidence}.`, 'The order does not have the tag yet.'],
    items: [{ order_id: match.order.id, order_name: match.order.name, add: [tag] }],
    evidence,
    expected_gain: null
  })
  return proposals
}

/** The event's data, or its `ticket`, with texts cut to what is read. What is missing stays missing, and the input's schema says so. */
const ticketOf = (data: unknown): Ticket => {
  const record = fieldsOf(data)
  const fields = typeof record['ticket'] === 'object' ? fieldsOf(record['ticket']) : record
  const textOf = (name: keyof typeof LIMITS): string | undefined => {
    const value = fields[name]
    const text = typeof value === 'string' ? value : typeof value === 'number' ? String(value) : ''
    return text.trim() === '' ? undefined : text.slice(0, LIMITS[name])
  }
  const ticket: Ticket = { id: textOf('id') ?? '', subject: textOf('subject') ?? '', text: textOf('text') ?? '' }
  for (const name of ['email', 'customer_id', 'order_name'] as const) {
    const value = textOf(name)
    if (value !== undefined) ticket[name] = value
  }
  return ticket
}

const fieldsOf = (data: unknown): Record<string, unknown> =>
  typeof data === 'object' && data !== null && !Array.isArray(data) ? data as Record<string, unknown> : {}

const iso = (at: number): string => new Date(at).toISOString()
