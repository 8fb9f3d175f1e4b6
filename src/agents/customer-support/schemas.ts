// What customer support takes and what it answers.
import { Type, type Static, type TSchema } from '@sinclair/typebox'
import { REPLY_LANGUAGES } from './language.ts'
import { UNMATCHED } from './match-order.ts'
import { TICKET_CLASSES } from './vocabulary.ts'

const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])
const OneOf = <T extends string>(values: readonly T[], description: string) => Type.Union(values.map((value) => Type.Literal(value)), { description })

export const LIMITS = { id: 100, subject: 500, text: 20_000, email: 320, customer_id: 80, order_name: 40 } as const

export const SupportInputSchema = Type.Object({
  ticket: Type.Object({
    id: Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9:._#/-]{0,99}$', description: 'Of the ticket system.' }),
    subject: Type.String({ maxLength: LIMITS.subject }),
    text: Type.String({ maxLength: LIMITS.text }),
    email: Type.Optional(Type.String({ maxLength: LIMITS.email, description: 'Of the sender, as the ticket system knows it.' })),
    customer_id: Type.Optional(Type.String({ maxLength: LIMITS.customer_id, description: 'Of the shop. Must agree with the address when both are given.' })),
    order_name: Type.Optional(Type.String({ maxLength: LIMITS.order_name, description: '`#1001`. Default: what subject and text name.' }))
  }, { additionalProperties: false }),
  event_type: Type.Optional(Type.String({ maxLength: 200, description: 'What happened to the ticket. Nothing is drafted for one that is closed.' }))
}, { additionalProperties: false })
export type SupportInput = Static<typeof SupportInputSchema>

const FactSchema = Type.Object({ fact: Type.String(), source: Type.String() })

export const SupportOutputSchema = Type.Object({
  ticket_id: Type.String(),
  state: OneOf(['drafted', 'for_a_person', 'closed'], '`for_a_person`: nothing is answered by itself, see `class`; `closed`: the ticket needs no answer.'),
  source: Type.String(),
  as_of: Type.String({ description: 'When the shop was asked. ISO-8601.' }),
  class: OneOf(TICKET_CLASSES, 'What it is about. `manipulation`: it gives orders to the machine; `other`: nothing fits.'),
  confidence: Type.Number({ description: 'From 0 to 1.' }),
  scores: Type.Array(Type.Object({ class: OneOf(TICKET_CLASSES, 'One of the classes.'), score: Type.Number() }), { maxItems: 3 }),
  language: Type.Object({
    detected: OneOf([...REPLY_LANGUAGES, 'other', 'unknown'], '`other`: one that there are no answers in.'),
    confidence: Type.Number(),
    reply: OneOf(REPLY_LANGUAGES, 'Of the draft.')
  }),
  urgency: OneOf(['high', 'normal'], 'How soon somebody should look at it.'),
  urgency_reasons: Type.Array(Type.String()),
  order: Type.Union([
    Type.Object({ state: Type.Literal('matched'), id: Type.String(), name: Type.String(), by: OneOf(['name', 'item', 'only_one_fits'], 'How it was found.') }),
    Type.Object({ state: Type.Literal('none'), reason: OneOf(UNMATCHED, 'Why no order is spoken about.') })
  ]),
  policies: OneOf(['read', 'not_readable', 'not_asked'], 'Whether the policies of the shop could be read.'),
  draft: Nullable(Type.Object({ subject: Type.String(), body: Type.String() })),
  facts: Type.Array(FactSchema, { maxItems: 50 }),
  proposals: Type.Array(Type.Object({ class: Type.String(), id: Type.String(), outcome: Type.String() }))
})
export type SupportOutput = Static<typeof SupportOutputSchema>
