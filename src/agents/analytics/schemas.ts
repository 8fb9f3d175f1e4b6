// What the analytics agent takes and what it answers.
import { Type, type Static, type TSchema } from '@sinclair/typebox'
import { METRICS } from './robust.ts'

const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])
const Day = Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$', description: 'A day of the shop, like 2026-11-23.' })
const Amount = Type.String({ description: 'Decimal text in `currency`.' })
const Time = (description: string) => Type.String({ description: `${description} ISO-8601.` })

export const AnalyticsInputSchema = Type.Object({
  day: Type.Optional(Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$', description: 'The day to close. Default: yesterday in the shop.' })),
  from: Type.Optional(Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$', description: 'With `to`: closes all days from here, at most 366.' })),
  to: Type.Optional(Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$' })),
  rewrite_days: Type.Optional(Type.Integer({
    minimum: 1,
    maximum: 60,
    default: 7,
    description: 'Without `from`: how many days up to the closed one are written to the warehouse, so that a day that it missed comes later.'
  })),
  weeks: Type.Optional(Type.Integer({ minimum: 8, maximum: 12, default: 12, description: 'How many of the same weekday before a day is compared with.' })),
  threshold: Type.Optional(Type.Number({
    minimum: 2, maximum: 10, default: 3.5, description: 'Distance from the median, in usual distances, from which a figure is an anomaly.'
  })),
  table: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9_-]{1,200}$', default: 'daily_close', description: 'The table of the warehouse.' }))
}, { additionalProperties: false })
export type AnalyticsInput = Static<typeof AnalyticsInputSchema>

const MarginSchema = Type.Object({
  state: Type.Union([Type.Literal('complete'), Type.Literal('partial'), Type.Literal('unknown'), Type.Literal('none')], {
    description: '`partial`: over the lines with a known cost alone; `unknown`: none has one; `none`: nothing was sold or sent back.'
  }),
  revenue: Nullable(Amount),
  cost: Nullable(Amount),
  amount: Nullable(Amount),
  percent: Nullable(Type.Number()),
  coverage: Nullable(Type.Number({ description: 'Share of the sales whose cost is known, from 0 to 1.' }))
})

const DayCloseSchema = Type.Object({
  day: Day,
  orders: Type.Integer({ description: 'Made that day; those cancelled since are among them, test orders are not.' }),
  cancelled: Type.Integer(),
  units: Type.Integer(),
  gross: Type.String({ description: 'Lines at their price.' }),
  discounts: Amount,
  returns: Type.String({ description: 'Value of the goods that went back that day, whenever they were sold.' }),
  net: Type.String({ description: 'gross - discounts - returns' }),
  shipping: Amount,
  refunds: Type.Integer(),
  refunded: Type.String({ description: 'Paid out that day.' }),
  average_order: Nullable(Type.String({ description: '(gross - discounts) / orders' })),
  cogs: Nullable(Type.String({ description: 'Cost of the units ordered, of those with a known cost.' })),
  units_without_cost: Type.Integer(),
  margin: MarginSchema,
  new_customers: Type.Integer(),
  returning_customers: Type.Integer(),
  guests: Type.Integer({ description: 'Orders without a customer.' }),
  refund_rate_percent: Nullable(Type.Number({ description: 'returns / (gross - discounts)' })),
  sent: Type.Object({
    orders: Type.Integer({ description: 'Whose first parcel left that day.' }),
    median_hours: Nullable(Type.Number({ description: 'From the order to its first parcel.' })),
    slowest_tenth_hours: Nullable(Type.Number())
  })
})

const AnomalySchema = Type.Object({
  metric: Type.Union(METRICS.map((metric) => Type.Literal(metric))),
  value: Type.Number(),
  median: Type.Number({ description: 'Of the same weekday in the weeks before.' }),
  usual_from: Type.Number({ description: 'What a value has to be between, to be usual.' }),
  usual_to: Type.Number(),
  score: Type.Number({ description: 'How many usual distances it is away from the median, on the scale of asinh.' }),
  direction: Type.Union([Type.Literal('high'), Type.Literal('low')]),
  weeks: Type.Integer()
})

const StockSchema = Type.Object({
  read_at: Time('When it was read.'),
  out: Type.Integer({ description: 'Variants for sale with nothing left, now.' }),
  low: Type.Integer(),
  untracked: Type.Integer(),
  variants: Type.Integer(),
  first: Type.Array(Type.Object({ sku: Nullable(Type.String()), title: Type.String(), available: Type.Integer() }), { maxItems: 20 })
})

const WarehouseSchema = Type.Object({
  state: Type.Union([Type.Literal('written'), Type.Literal('failed'), Type.Literal('not_configured'), Type.Literal('nothing_to_write')]),
  table: Nullable(Type.String()),
  source: Nullable(Type.String()),
  rows: Type.Integer({ description: 'Days that were written.' }),
  table_created: Type.Boolean(),
  job_id: Nullable(Type.String()),
  error: Nullable(Type.Object({ code: Type.String(), message: Type.String() }))
})

export const AnalyticsOutputSchema = Type.Object({
  state: Type.Union([Type.Literal('closed'), Type.Literal('no_data')]),
  source: Type.String(),
  as_of: Time('The shop as it was then.'),
  covers_from: Time('No order before this is known.'),
  timezone: Type.String(),
  currency: Type.String(),
  day: Nullable(DayCloseSchema),
  compared: Nullable(Type.Object({
    day: DayCloseSchema,
    net_percent: Nullable(Type.Number()),
    orders_percent: Nullable(Type.Number()),
    average_order_percent: Nullable(Type.Number())
  }, { description: 'The same weekday a week before, and the change since then.' })),
  anomalies: Type.Object({
    state: Type.Union([Type.Literal('judged'), Type.Literal('too_little_history'), Type.Literal('no_data')]),
    threshold: Type.Number(),
    found: Type.Array(AnomalySchema),
    judged: Type.Array(Type.String()),
    unjudged: Type.Array(Type.String(), { description: 'Fewer than 8 such days are known.' })
  }),
  stock: StockSchema,
  days: Type.Object({
    total: Type.Integer(),
    latest: Type.Array(DayCloseSchema, { maxItems: 31 })
  }, { description: 'Those of a range, the newest last.' }),
  warehouse: WarehouseSchema,
  orders_read: Type.Integer(),
  left_out: Type.Array(Type.Object({ reason: Type.String(), count: Type.Integer() })),
  notes: Type.Array(Type.String())
})
export type AnalyticsOutput = Static<typeof AnalyticsOutputSchema>
