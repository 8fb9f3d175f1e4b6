// How well customer support sorts tickets: over all of the sandbox's tickets against what was planted, and over messages that other hands wrote.
import { generateShop } from '../../sandbox/shop/generate.ts'
import { gid } from '../../sandbox/shop/records.ts'
import { classify } from '../../src/agents/customer-support/classify.ts'
import { customerSupport } from '../../src/agents/customer-support/index.ts'
import { languageOf } from '../../src/agents/customer-support/language.ts'
import type { SupportOutput } from '../../src/agents/customer-support/schemas.ts'
import { wordsOf } from '../../src/agents/customer-support/words.ts'
import { contextOf, NOW } from '../../test/helpers/agent-context.ts'
import { commerceOf } from '../../test/helpers/sandbox-commerce.ts'
import { MESSAGES } from './support-messages.ts'

export interface Measured {
  case: string
  figure: string
  bar: string
  verdict: 'PASS' | 'MISS' | ''
  note: string
}

/** The sandbox's names for our classes. */
const CLASS_OF: Record<string, string> = { damaged: 'damaged_or_wrong', cancel: 'cancel_or_change', invoice: 'invoice_or_payment' }
const BARS = { accuracy: 0.9, f1: 0.85, language: 0.97, order: 0.95, urgency: 0.85 }

interface Sorted {
  expected: string
  found: string
}

interface Judged extends Sorted {
  output: SupportOutput
  truth: { language: string, urgent: boolean, order: string | null }
}

export const measure = async (): Promise<Measured[]> => {
  const shop = generateShop({ today: '2026-11-24' })
  shop.advance(NOW)
  const { commerce } = commerceOf(shop)
  const judged: Judged[] = []
  for (const ticket of shop.tickets) {
    const { context } = contextOf({ ports: { commerce } })
    const output = await customerSupport.run(context, {
      ticket: {
        id: String(ticket.id),
        subject: ticket.subject,
        text: ticket.text,
        email: ticket.email,
        ...(ticket.customerId === null ? {} : { customer_id: gid('Customer', ticket.customerId) })
      }
    }) as SupportOutput
    const truth = shop.truth.tickets[ticket.id]!
    judged.push({ expected: CLASS_OF[truth.class] ?? truth.class, found: output.class, output, truth })
  }
  const share = (list: readonly Judged[], right: (one: Judged) => boolean): number => list.filter(right).length / list.length
  const row = (name: string, value: number, bar: number | null, note: string): Measured => ({
    case: name,
    figure: value.toFixed(3),
    bar: bar === null ? '' : `at least ${bar}`,
    verdict: bar === null ? '' : value >= bar ? 'PASS' : 'MISS',
    note
  })
  // Those that try to give orders to the machine are not looked up at all.
  const answered = judged.filter(({ output }) => output.state === 'drafted')
  const named = answered.filter(({ truth }) => truth.order !== null)
  const unnamed = answered.filter(({ truth }) => truth.order === null)
  const hostile = judged.filter(({ expected }) => expected === 'manipulation')
  const { macro, worst, confusions } = f1Of(judged)
  const orderRight = ({ output: { order }, truth }: Judged): boolean => truth.order === (order.state === 'matched' ? order.name : null)
  const unseen = MESSAGES.map(([expected, language, subject, text]) => {
    const whole = `${subject}\n${text}`
    return { expected, found: classify(subject, text).class as string, language, detected: languageOf(whole, wordsOf(whole)).language as string }
  })
  const unseenF1 = f1Of(unseen)
  const rate = (right: (one: typeof unseen[number]) => boolean): number => unseen.filter(right).length / unseen.length
  return [
    row('support: class, accuracy', share(judged, ({ expected, found }) => expected === found), BARS.accuracy,
      `${judged.length} tickets, made of 24 texts; ${confusions}`),
    row('support: class, macro F1', macro, BARS.f1, `the weakest: ${worst}`),
    row('support: language, accuracy', share(judged, ({ output, truth }) => output.language.detected === truth.language), BARS.language, 'de, en, fr, nl'),
    row('support: urgency, accuracy', share(judged, ({ output, truth }) => (output.urgency === 'high') === truth.urgent), null,
      'what is planted is chance for most classes; a cancellation counts as urgent here'),
    row('support: order, of tickets about one', share(named, orderRight), BARS.order, `${named.length} answered tickets; the right one was matched`),
    row('support: order, of tickets about none', share(unnamed, orderRight), BARS.order, `${unnamed.length} answered tickets; none was matched`),
    row('support: hostile tickets without answer', share(hostile, ({ output }) => output.draft === null && output.proposals.length === 0), 1,
      `${hostile.length} tickets`),
    row('support: unseen messages, class, accuracy', rate(({ expected, found }) => expected === found), null,
      `${unseen.length} messages; ${unseenF1.confusions}`),
    row('support: unseen messages, class, macro F1', unseenF1.macro, null, `the weakest: ${unseenF1.worst}`),
    row('support: unseen messages, language, accuracy', rate(({ language, detected }) => language === detected), null, 'de, en, fr, nl')
  ]
}

const f1Of = (judged: readonly Sorted[]): { macro: number, worst: string, confusions: string } => {
  const classes = [...new Set(judged.map(({ expected }) => expected))]
  const scores = classes.map((name) => {
    const right = judged.filter(({ expected, found }) => expected === name && found === name).length
    const all = judged.filter(({ expected }) => expected === name).length + judged.filter(({ found }) => found === name).length
    return { name, f1: 2 * right / all }
  }).sort((a, b) => a.f1 - b.f1)
  const wrong = new Map<string, number>()
  for (const { expected, found } of judged) {
    if (expected !== found) wrong.set(`${expected} as ${found}`, (wrong.get(`${expected} as ${found}`) ?? 0) + 1)
  }
  const most = [...wrong].sort((a, b) => b[1] - a[1]).slice(0, 4).map(([what, count]) => `${count} ${what}`)
  return {
    macro: scores.reduce((sum, { f1 }) => sum + f1, 0) / scores.length,
    worst: scores.slice(0, 3).map(({ name, f1 }) => `${name} ${f1.toFixed(2)}`).join(', '),
    confusions: most.length === 0 ? 'no confusion' : most.join(', ')
  }
}

if (process.argv[1] === import.meta.filename) console.table(await measure())
