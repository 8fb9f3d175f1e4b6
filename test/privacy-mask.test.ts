// What a language model gets to read of people: placeholders, the same for the same value, with the data back in what it writes.
import t from 'tap'
import { maskedModel } from '../src/agents/assistant/masked-model.ts'
import type { LanguageModelPort, ModelPart, ModelRequest } from '../src/core/language-model.ts'
import { createMask } from '../src/core/privacy/mask.ts'

const END: ModelPart = { type: 'end', finish: 'stop', tokens: { input: null, cached: null, output: null } }

t.test('addresses, phone and card numbers are hidden; ids, dates, amounts and times are not', (t) => {
  const hidden: Array<[string, string]> = [
    ['Write to Ana.Ruiz+x@mail.example.com, or anna@example.org.', 'Write to [email-1], or [email-2].'],
    ['{"email":"jürgen@bücher.example","n":1}', '{"email":"[email-1]","n":1}'],
    ['+49 (151) 2345-6789 or 0151 23456789 or 0049 151 2345678', '[phone-1] or [phone-2] or [phone-3]'],
    ['4111 1111 1111 1111 and 5500-0000-0000-0004', '[card-1] and [card-2]']
  ]
  for (const [text, masked] of hidden) {
    const mask = createMask()
    t.equal(mask.hide(text), masked)
    t.equal(mask.reveal(masked), text)
    t.equal(mask.hide(text), masked, 'the same again')
  }
  const plain = [
    'Order #1001 of 24.11.2026, 01.02.2026 10:30 and 01-02-2026, 2026-11-24T12:00:05+01:00: 1,234.56 EUR, 0.15, 15 %',
    'gid://shopify/Order/5123456789012 019abc12-3456-7def-8123-456789abcdef 01912345-6789-7abc-8def-0123456789ab',
    'at 1767600000000, 0 of 12 jobs; a@b, @anna, 10.0.0.7, 4111 1111 1111 1112', '0000 0000 0000 0000'
  ]
  for (const text of plain) t.equal(createMask().hide(text), text)
  t.end()
})

t.test('a placeholder that comes in pieces comes back whole, and brackets that are none are not kept back', (t) => {
  const mask = createMask()
  mask.hide('anna@example.com')
  const said = (pieces: string[]): string[] => {
    const revealer = mask.revealer()
    return [...pieces.map((piece) => revealer.piece(piece)), revealer.end()]
  }
  t.strictSame(said(['To [em', 'ail', '-1] now']), ['To ', '', 'anna@example.com now', ''])
  t.strictSame(said(['[email-1][email-', '1]']), ['anna@example.com', 'anna@example.com', ''])
  t.strictSame(said(['[email-7] [a long list of things', ' here]']), ['[email-7] [a long list of things', ' here]', ''])
  t.strictSame(said(['the end [']), ['the end ', '['])
  t.end()
})

t.test('the model never sees the data, its tools do, and the answer has it', async (t) => {
  const seen: ModelRequest[] = []
  const parts: ModelPart[][] = [
    [{ type: 'call', call: { id: 'c', name: 'find', arguments: '{"email":"[email-1]"}' } }, END],
    [{ type: 'text', text: '[email' }, { type: 'text', text: '-1] bought with [card-1].' }, END]
  ]
  const model: LanguageModelPort = {
    model: 'm',
    source: 'live',
    budgets: { steps: 1, outputTokens: 1, replyTokens: 1, historyTokens: 1 },
    prices: { input: null, output: null },
    unavailable: () => undefined,
    async * stream (request) {
      seen.push(request)
      yield * parts.shift()!
    }
  }
  const masked = maskedModel(model)
  const ask = async (messages: ModelRequest['messages']): Promise<ModelPart[]> => {
    const all: ModelPart[] = []
    const request = { instructions: '', messages, tools: [], mayCall: true, maxOutputTokens: 1, signal: new AbortController().signal }
    for await (const part of masked.stream(request)) all.push(part)
    return all
  }
  const question = { role: 'user' as const, content: 'What did anna@example.com buy?' }
  const [called] = await ask([question])
  t.match(called, { call: { arguments: '{"email":"anna@example.com"}' } })
  const call = called as Extract<ModelPart, { type: 'call' }>
  const answer = await ask([
    question, { role: 'assistant', content: '', calls: [call.call] },
    { role: 'tool', id: 'c', name: 'find', content: '{"email":"anna@example.com","paid_with":"4111111111111111","phone":"+4915123456789"}' }
  ])
  t.equal(answer.map((part) => part.type === 'text' ? part.text : '').join(''), 'anna@example.com bought with 4111111111111111.')
  t.equal(answer.at(-1)!.type, 'end')
  const read = JSON.stringify(seen)
  for (const trace of ['anna@', '4111111111111111', '15123456789']) t.notOk(read.includes(trace), trace)
  t.match(seen[0]!.instructions, /placeholder/i)
  t.match(read, /\[email-1\].*\[card-1\].*\[phone-1\]/s)
})
