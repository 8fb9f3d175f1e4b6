// The language model behind a mask: it reads placeholders where people's data stood, and what it writes has the data back. One mask a reply.
import type { LanguageModelPort, ModelMessage, ModelPart, ModelRequest } from '../../core/language-model.ts'
import { createMask } from '../../core/privacy/mask.ts'

const NOTE = 'Placeholders such as [email-1] stand for data of people. Write them exactly as they are; whoever reads the answer sees the data.'

export const maskedModel = (model: LanguageModelPort): LanguageModelPort => {
  const mask = createMask()

  const hidden = (message: ModelMessage): ModelMessage => {
    const content = mask.hide(message.content)
    if (message.role !== 'assistant' || message.calls === undefined) return { ...message, content }
    return { ...message, content, calls: message.calls.map((call) => ({ ...call, arguments: mask.hide(call.arguments) })) }
  }

  return {
    model: model.model,
    source: model.source,
    budgets: model.budgets,
    prices: model.prices,
    unavailable: () => model.unavailable(),
    async * stream (request: ModelRequest): AsyncGenerator<ModelPart> {
      const revealer = mask.revealer()
      const messages = request.messages.map(hidden)
      const instructions = mask.used ? `${request.instructions}\n${NOTE}` : request.instructions
      for await (const part of model.stream({ ...request, instructions, messages })) {
        if (part.type === 'text') {
          const text = revealer.piece(part.text)
          if (text !== '') yield { type: 'text', text }
          continue
        }
        const rest = revealer.end()
        if (rest !== '') yield { type: 'text', text: rest }
        yield part.type === 'call' ? { type: 'call', call: { ...part.call, arguments: mask.reveal(part.call.arguments) } } : part
      }
    }
  }
}
