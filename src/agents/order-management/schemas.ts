// What order management takes and what it answers.
import { Type, type Static } from '@sinclair/typebox'
import { ATTENTION_CODES, SEVERITIES } from '../shop/attention.ts'

export const OrdersInputSchema = Type.Object({
  order_id: Type.Optional(Type.String({
    pattern: '^gid://shopify/Order/[0-9]+$', maxLength: 80, description: 'Look at this order alone. Default: all that are open or were sent lately.'
  })),
  max_proposals: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, default: 100, description: 'At most so many a run, the most severe first.' })),
  unpaid_hours: Type.Optional(Type.Integer({
    minimum: 1, maximum: 720, default: 96, description: 'Hours after which an order that is not paid is an exception: bank transfers take days.'
  })),
  late_hours: Type.Optional(Type.Integer({
    minimum: 1,
    maximum: 720,
    default: 72,
    description: 'Hours of weekdays after which an order that is paid and not sent is late; unpaid_hours more where it is paid by transfer or the like.'
  })),
  sent_days: Type.Optional(Type.Integer({
    minimum: 1, maximum: 30, default: 7, description: 'How long orders that were sent are looked at for their tracking number.'
  })),
  velocity_orders: Type.Optional(Type.Integer({ minimum: 2, maximum: 50, default: 3, description: 'Orders of one customer within velocity_hours.' })),
  velocity_hours: Type.Optional(Type.Integer({ minimum: 1, maximum: 72, default: 6 })),
  value_z: Type.Optional(Type.Number({
    minimum: 1, maximum: 10, default: 3, description: 'Robust standard deviations (of the logarithm) above which a value is unusual.'
  }))
}, { additionalProperties: false })
export type OrdersInput = Static<typeof OrdersInputSchema>

/** What is not said in the input. */
export const DEFAULTS = {
  max_proposals: 100, unpaid_hours: 96, late_hours: 72, sent_days: 7, velocity_orders: 3, velocity_hours: 6, value_z: 3
} satisfies Required<Omit<OrdersInput, 'order_id'>>
export type Settings = typeof DEFAULTS

/** Reasons that are no exceptions: the hold is somebody's decision already. */
export const EXCEPTION_CODES = ATTENTION_CODES.filter((code) => code !== 'on_hold')

/** Why something that the rules ask for is not proposed. */
export const LEFT_OUT = ['already_on_hold', 'already_sent', 'already_tagged', 'already_noted', 'note_too_long', 'beyond_max_proposals'] as const
export type LeftOut = typeof LEFT_OUT[number]

export const ORDER_CLASSES = ['order_hold', 'order_cancel', 'order_tag', 'order_note'] as const
export type OrderClass = typeof ORDER_CLASSES[number]

const Severity = Type.Union(SEVERITIES.map((severity) => Type.Literal(severity)))
const Code = Type.Union(EXCEPTION_CODES.map((code) => Type.Literal(code)))
const Money = Type.Object({ amount: Type.String(), currency: Type.String() })
const Moment = (description: string) => Type.String({ description: `${description} ISO-8601.` })

const ExceptionSchema = Type.Object({
  order_id: Type.String(),
  order_name: Type.String(),
  created_at: Moment('When it was made.'),
  total: Money,
  severity: Severity,
  reasons: Type.Array(Type.Object({ code: Code, severity: Severity, text: Type.String() })),
  proposed: Type.Array(Type.Union(ORDER_CLASSES.map((name) => Type.Literal(name))))
})

export const OrdersOutputSchema = Type.Object({
  as_of: Moment('The oldest reading of an order; of the history when none was read.'),
  history_as_of: Moment('What the comparisons with the past rest on.'),
  history_from: Moment('No order before this is known.'),
  stock_read_at: Moment('When the stock was read.'),
  source: Type.Union([Type.Literal('live'), Type.Literal('sandbox')]),
  scope: Type.Union([Type.Literal('all'), Type.Literal('one_order')]),
  looked_at: Type.Object({
    open: Type.Integer(),
    sent: Type.Integer({ description: 'Sent lately: looked at for their tracking number.' }),
    without_history: Type.Integer({ description: 'Not in the copy of the history: not compared with the past.' }),
    sent_list_cut: Type.Boolean({ description: 'More were sent than are looked at in one run: the oldest were.' })
  }),
  exceptions: Type.Array(ExceptionSchema, { description: 'At most 100, the most severe first.' }),
  exceptions_total: Type.Integer(),
  by_severity: Type.Object({ high: Type.Integer(), medium: Type.Integer(), low: Type.Integer() }),
  by_reason: Type.Array(Type.Object({ reason: Code, orders: Type.Integer() })),
  proposals: Type.Array(Type.Object({
    class: Type.Union(ORDER_CLASSES.map((name) => Type.Literal(name))),
    made: Type.Integer(),
    filed: Type.Integer(),
    unchanged: Type.Integer(),
    shadow: Type.Integer(),
    blocked: Type.Integer()
  })),
  not_proposed: Type.Array(Type.Object({ reason: Type.Union(LEFT_OUT.map((reason) => Type.Literal(reason))), changes: Type.Integer() }))
})
export type OrdersOutput = Static<typeof OrdersOutputSchema>
