// What a message is about and how urgent it is, by the cues that it holds. Whatever it says, it only ever gets a class.
import { TICKET_CLASSES, URGENT, VOCABULARY, type NamedClass, type TicketClass } from './vocabulary.ts'
import { weightOf, wordsOf } from './words.ts'

export interface Classified {
  class: TicketClass
  /** From 0 to 1. */
  confidence: number
  /** The best three, the best first. */
  scores: Array<{ class: TicketClass, score: number }>
}

const NAMED = TICKET_CLASSES.filter((name): name is NamedClass => name !== 'other')
/** What the subject says counts this much more: it is what the writer thinks the message is about. */
const SUBJECT_SHARE = 0.5
/** Less is a word that happens to fit. */
const LEAST_SCORE = 2
/** Nobody is sure after a single word. */
const DOUBT = 1.5
/** Orders to the machine are such even among words of a real request. */
const LEAST_MANIPULATION = 3
const MANIPULATION_SHARE = 0.3

export const classify = (subject: string, text: string): Classified => {
  const whole = wordsOf(`${subject}\n${text}`)
  const head = wordsOf(subject)
  const scores = NAMED.map((name): { class: TicketClass, score: number } =>
    ({ class: name, score: weightOf(whole, VOCABULARY[name]) + SUBJECT_SHARE * weightOf(head, VOCABULARY[name]) }))
    .sort((a, b) => b.score - a.score)
  const total = scores.reduce((sum, { score }) => sum + score, 0)
  const [best] = scores
  const hostile = scores.find((each) => each.class === 'manipulation')!
  const other = scores.find((each) => each.class !== 'manipulation')!
  const found = hostile.score >= LEAST_MANIPULATION && hostile.score >= other.score * MANIPULATION_SHARE ? hostile : best!
  const known = found.score >= LEAST_SCORE
  return {
    class: known ? found.class : 'other',
    confidence: known ? Math.round(found.score / (total + DOUBT) * 100) / 100 : 0,
    scores: scores.slice(0, 3).filter(({ score }) => score > 0)
  }
}

export type Urgency = 'high' | 'normal'

/** `high` only when the writer says so or the matter does not wait: an order that is about to leave cannot be cancelled tomorrow. */
export const urgencyOf = (subject: string, text: string, kind: TicketClass): { urgency: Urgency, reasons: string[] } => {
  const reasons: string[] = []
  if (kind === 'spam' || kind === 'manipulation') return { urgency: 'normal', reasons }
  if (weightOf(wordsOf(`${subject}\n${text}`), URGENT) >= LEAST_SCORE) reasons.push('the writer is in a hurry')
  if (kind === 'cancel_or_change') reasons.push('the order may leave before it is changed')
  return { urgency: reasons.length > 0 ? 'high' : 'normal', reasons }
}
