// What the forecasting agent takes and what it answers.
import { Type, type Static, type TSchema, type TUnsafe } from '@sinclair/typebox'
import { DEMAND_CLASSES } from './demand-class.ts'
import { MODEL_NAMES } from './models/names.ts'

const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])
/** The checker of outputs knows no other enumerations. */
const Enum = <T extends string>(values: readonly T[]) => Type.Union(values.map((value) => Type.Literal(value))) as unknown as TUnsafe<T>
const MoneySchema = Type.Object({ amount: Type.String(), currency: Type.String() })

/** Lists of the output are cut here, and their totals said. */
const MOST_LINES = 500
export const MOST_DEAD = 200

const INPUT = {
  service_level: Type.Number({ minimum: 0.5, maximum: 0.999, default: 0.95, description: 'Probability that the demand of a lead time is met.' }),
  default_lead_time_days: Type.Integer({ minimum: 1, maximum: 365, default: 14, description: 'For SKUs whose lead time the list of suppliers does not tell.' }),
  order_cover_days: Type.Integer({ minimum: 1, maximum: 180, default: 28, description: 'Days that an order is to last after it has come.' }),
  history_days: Type.Integer({ minimum: 28, maximum: 1_100, default: 730, description: 'Days of sales to look at, at most.' }),
  dead_stock_days: Type.Integer({ minimum: 7, maximum: 730, default: 90, description: 'In stock and not sold for so long is dead stock.' }),
  max_proposals: Type.Integer({ minimum: 0, maximum: 100, default: 25, description: 'Proposals to file, one a supplier and hundred lines; 0 files none.' }),
  max_lines: Type.Integer({ minimum: 1, maximum: MOST_LINES, default: MOST_LINES, description: 'Lines of the reorder list that are shown.' })
}
const WholeInputSchema = Type.Object(INPUT)
type WholeInput = Static<typeof WholeInputSchema>

export const ForecastInputSchema = Type.Partial(WholeInputSchema, { additionalProperties: false })
export type ForecastInput = Static<typeof ForecastInputSchema>

/** A run of the schedule comes without any input. */
export const withDefaults = (input: ForecastInput): WholeInput => {
  const defaults = Object.fromEntries(Object.entries(INPUT).map(([name, { default: value }]) => [name, value as number]))
  return { ...defaults, ...input } as WholeInput
}

const ModelNameSchema = Enum(MODEL_NAMES)

const ClassSchema = Type.Object({
  class: Enum(DEMAND_CLASSES),
  variants: Type.Integer(),
  backtested: Type.Integer({ description: 'Variants with enough history for a backtest; the errors are means over them.' }),
  mase: Nullable(Type.Number({ description: 'Mean absolute scaled error of the chosen forecast in the backtest; below 1 beats last week repeated.' })),
  mase_seasonal_naive: Nullable(Type.Number()),
  mase_ses: Nullable(Type.Number()),
  mase_croston_sba: Nullable(Type.Number()),
  models: Type.Array(Type.Object({ model: ModelNameSchema, variants: Type.Integer() }), { description: 'How many variants each model is used for.' })
})

export const ReorderLineSchema = Type.Object({
  variant_id: Type.String(),
  sku: Nullable(Type.String()),
  title: Type.String(),
  supplier: Nullable(Type.String()),
  class: Enum(DEMAND_CLASSES),
  models: Type.Array(ModelNameSchema, { description: 'Their forecasts are averaged.' }),
  available: Type.Integer(),
  incoming: Type.Integer(),
  lead_time_days: Type.Integer(),
  lead_time_assumed: Type.Boolean(),
  lead_time_demand: Type.Number({ description: 'Expected units over the lead time.' }),
  lead_time_demand_lower: Type.Number({ description: 'Of the interval of 95 %.' }),
  lead_time_demand_upper: Type.Number(),
  reorder_point: Type.Integer({ description: 'Quantile of the lead time\'s demand at the service level.' }),
  cover_demand: Type.Number({ description: 'Expected units of the days that the order is to cover.' }),
  needed: Type.Integer({ description: 'reorder_point + cover_demand - available - incoming, rounded up.' }),
  moq: Type.Integer(),
  pack_size: Type.Integer(),
  quantity: Type.Integer({ description: '`needed`, raised to the MOQ and to whole packs.' }),
  unit_cost: Nullable(MoneySchema),
  value: Nullable(MoneySchema),
  days_of_cover: Nullable(Type.Integer()),
  stock_out_date: Nullable(Type.String({ description: 'Expected; null: later than in two years.' })),
  mase: Nullable(Type.Number()),
  mase_seasonal_naive: Nullable(Type.Number())
})
export type ReorderLine = Static<typeof ReorderLineSchema>

const DeadLineSchema = Type.Object({
  variant_id: Type.String(),
  sku: Nullable(Type.String()),
  title: Type.String(),
  available: Type.Integer(),
  last_sold: Nullable(Type.String({ description: 'Day; null: not within the history.' })),
  value: Nullable(MoneySchema)
})
export type DeadLine = Static<typeof DeadLineSchema>

export const ForecastOutputSchema = Type.Object({
  as_of: Type.String({ description: 'ISO-8601: the orders as they were then.' }),
  source: Enum(['live', 'sandbox'] as const),
  stock_as_of: Type.String({ description: 'ISO-8601: the stock as it was then.' }),
  day: Type.String({ description: 'The day of the shop that the forecast begins with.' }),
  timezone: Type.String(),
  input: WholeInputSchema,
  history: Type.Object({
    state: Enum(['enough', 'too_little', 'none'] as const),
    from: Nullable(Type.String()),
    to: Nullable(Type.String()),
    days: Type.Integer(),
    orders: Type.Integer(),
    orders_cancelled: Type.Integer({ description: 'Left out.' }),
    orders_test: Type.Integer({ description: 'Left out.' }),
    units: Type.Integer(),
    units_of_other_variants: Type.Integer({ description: 'Left out: variants that are not active or not counted, gift cards, custom lines.' }),
    stock_out_days: Type.Integer({ description: 'Days of variants without stock, as noted: left out of the demand.' }),
    variants_with_stock_out_days: Type.Integer(),
    stock_noted_for: Type.Integer({ description: 'Variants whose stock this run has noted.' })
  }),
  variants: Type.Object({
    total: Type.Integer(),
    forecast: Type.Integer(),
    left_out: Type.Record(Type.String(), Type.Integer(), { description: 'By reason: not_active, untracked, too_little_history, no_sale, too_many_units.' })
  }),
  suppliers: Type.Object({
    state: Enum(['none', 'used'] as const),
    received_at: Nullable(Type.String()),
    rows: Type.Integer(),
    matched: Type.Integer(),
    ignored: Type.Record(Type.String(), Type.Integer())
  }),
  assumptions: Type.Array(Type.String()),
  classes: Type.Array(ClassSchema),
  totals: Type.Object({
    lines: Type.Integer(),
    units: Type.Integer(),
    value: Type.Array(MoneySchema, { description: 'By currency; of lines with a known cost.' }),
    lines_without_cost: Type.Integer(),
    out_of_stock: Type.Integer({ description: 'Of the variants with a forecast.' }),
    runs_out_within_lead_time: Type.Integer()
  }),
  reorder: Type.Object({ total: Type.Integer(), shown: Type.Integer(), lines: Type.Array(ReorderLineSchema, { maxItems: MOST_LINES }) }),
  dead_stock: Type.Object({
    state: Enum(['known', 'too_little_history'] as const),
    total: Type.Integer(),
    units: Type.Integer(),
    value: Type.Array(MoneySchema),
    without_cost: Type.Integer(),
    shown: Type.Integer(),
    lines: Type.Array(DeadLineSchema, { maxItems: MOST_DEAD })
  }),
  proposals: Type.Object({
    filed: Type.Integer(),
    unchanged: Type.Integer(),
    shadow: Type.Integer(),
    blocked: Type.Integer(),
    left_out: Type.Integer({ description: 'Beyond max_proposals.' })
  }),
  computing_ms: Type.Integer()
})
export type ForecastOutput = Static<typeof ForecastOutputSchema>
