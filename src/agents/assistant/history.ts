// What of a conversation the language model gets to read: the newest messages, within a budget of tokens.
import type { ModelMessage } from '../../core/language-model.ts'
import type { Message } from '../../core/model.ts'
import type { Conversation } from '../../core/ports.ts'

export interface Excerpt {
  /** Oldest first; the question is the last one, and always whole. */
  messages: ModelMessage[]
  /** Earlier messages exist that are not in it. */
  cut: boolean
}

/** No more are read from the store, whatever the budget. */
const MOST_MESSAGES = 200
const BYTES_PER_TOKEN = 3
/** Role and separators of a message. */
const MESSAGE_OVERHEAD = 4

/**
 * A third of the UTF-8 bytes. Tokenisers differ by model; English has about 4 bytes a token and Chinese about 3, so that
 * this is rather too much than too little, and the budget holds.
 */
export const estimateTokens = (text: string): number => Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN)

/** The messages up to the question, newest first as far as `budget` tokens reach. The question is not part of the budget. */
export const readHistory = async ({ question, history }: Conversation, budget: number): Promise<Excerpt> => {
  const known = budget <= 0 ? [] : (await history(MOST_MESSAGES)).filter((message) => message.id !== question.id)
  const kept: ModelMessage[] = [asModelMessage(question)]
  let left = budget
  for (const message of known.toReversed()) {
    left -= estimateTokens(message.content) + MESSAGE_OVERHEAD
    if (left < 0) break
    kept.unshift(asModelMessage(message))
  }
  // The first message of a session has position 1: what stands before the oldest one that is kept was left out.
  const oldest = known[known.length - (kept.length - 1)] ?? question
  return { messages: kept, cut: kept.length === 1 ? question.seq > 1 : oldest.seq > 1 }
}

const asModelMessage = ({ role, content }: Message): ModelMessage => ({ role, content })
