// What is to be done about an exception: hold it, tag it, note why, or ask a person to cancel it. It never sends and never pays back.
import type { EffectItem } from '../../core/effects/items.ts'
import type { ProposalDraft } from '../../core/effects/proposal.ts'
import type { Json } from '../../core/model.ts'
import type { AttentionCode } from '../shop/attention.ts'
import { listed, oneLine } from '../wording.ts'
import type { OrderException } from './exceptions.ts'
import type { LeftOut, OrderClass } from './schemas.ts'

const MOST_NOTE = 5_000
const MOST_HOLD_NOTE = 500
/** Marks a note as ours, so that it is written once. */
export const NOTE_MARK = '[order_management]'

/** Each alone is worth holding an order back. A value above the usual is not: most such orders are honest. */
const SUSPICIOUS = new Set<AttentionCode>(['risk_cancel', 'risk_investigate', 'velocity', 'unusual_country'])

const TAGS: Partial<Record<AttentionCode, string>> = {
  risk_cancel: 'fraud-check',
  risk_investigate: 'fraud-check',
  velocity: 'fraud-check',
  unusual_country: 'fraud-check',
  address_mismatch: 'address-check',
  late: 'late',
  out_of_stock: 'out-of-stock',
  unpaid: 'unpaid',
  no_tracking: 'no-tracking'
}

export interface OrderPlan {
  exception: OrderException
  drafts: Array<ProposalDraft & { class: OrderClass }>
  left_out: LeftOut[]
}

/** Looks like fraud, and can still be stopped: by one strong sign, or by two weak ones together. */
export const isSuspicious = ({ reasons }: Pick<OrderException, 'reasons'>): boolean => {
  const codes = new Set(reasons.map(({ code }) => code))
  return [...codes].some((code) => SUSPICIOUS.has(code)) || (codes.has('address_mismatch') && codes.has('unusual_value'))
}

export const planOf = (exception: OrderException): OrderPlan => {
  const { order, reasons, unsent } = exception
  const plan: OrderPlan = { exception, drafts: [], left_out: [] }
  const codes = new Set(reasons.map(({ code }) => code))
  const suspicious = isSuspicious(exception)
  const name = oneLine(order.name, 80) || order.id
  const ids = { order_id: order.id, order_name: name }
  const why = oneLine(listed(reasons.map(({ text }) => text)), 400)
  const file = <C extends OrderClass>(name: C, action: string, item: EffectItem<C>): void => {
    plan.drafts.push({
      class: name,
      key: `${name.slice('order_'.length)}:${order.id}`,
      title: `${action} order ${ids.order_name}: ${oneLine(reasons[0]!.text, 160)}`,
      rationale: reasons.map(({ text, severity }) => `${severity}: ${oneLine(text, 300)}.`),
      items: [item],
      evidence: evidenceOf(exception),
      expected_gain: null
    } as ProposalDraft & { class: C })
  }

  if (suspicious || codes.has('out_of_stock')) {
    if (!unsent) plan.left_out.push('already_sent')
    else if (order.fulfilment_status === 'ON_HOLD') plan.left_out.push('already_on_hold')
    else {
      file('order_hold', 'Hold', { ...ids, reason: suspicious ? 'high_risk_of_fraud' : 'out_of_stock', note: oneLine(why, MOST_HOLD_NOTE) })
    }
  }
  if (codes.has('risk_cancel') && unsent) {
    file('order_cancel', 'Cancel', { ...ids, total: order.total.amount, currency: order.total.currency, reason: why })
  }
  addTags(exception, suspicious, plan, (add) => { file('order_tag', 'Tag', { ...ids, add }) })
  if (suspicious && unsent) {
    const note = noteOf(order.note, why)
    if (typeof note === 'string') file('order_note', 'Note on', { ...ids, expected_note: order.note, note })
    else plan.left_out.push(note.left_out)
  }
  return plan
}

const addTags = ({ order, reasons, unsent }: OrderException, suspicious: boolean, plan: OrderPlan, file: (add: string[]) => void): void => {
  const present = new Set(order.tags.map((tag) => tag.trim().toLowerCase()))
  const wanted = new Set<string>()
  if (suspicious && unsent) wanted.add('fraud-check')
  for (const { code } of reasons) {
    const tag = TAGS[code]
    // Once it is sent, only what is missing about the sending is of use to anybody.
    if (tag !== undefined && (unsent || code === 'no_tracking' || code === 'unpaid')) wanted.add(tag)
  }
  const add = [...wanted].filter((tag) => !present.has(tag))
  for (let i = add.length; i < wanted.size; i++) plan.left_out.push('already_tagged')
  if (add.length > 0) file(add)
}

const noteOf = (old: string | null, why: string): string | { left_out: LeftOut } => {
  if (old?.includes(NOTE_MARK) === true) return { left_out: 'already_noted' }
  const own = `${NOTE_MARK} ${why}.`
  const note = old === null || old === '' ? own : `${old}\n\n${own}`
  return note.length > MOST_NOTE ? { left_out: 'note_too_long' } : note
}

const evidenceOf = ({ order, reasons }: OrderException): Json => ({
  read_at: new Date(order.read_at).toISOString(),
  source: order.source,
  created_at: new Date(order.created_at).toISOString(),
  total: { ...order.total },
  payment: order.financial_status,
  fulfilment: order.fulfilment_status,
  ships_to: order.shipping_country,
  billed_to: order.billing_country,
  recommendation: order.risk.recommendation,
  reasons: reasons.map(({ code, severity, since }) => ({ code, severity, since: since === null ? null : new Date(since).toISOString() }))
})
