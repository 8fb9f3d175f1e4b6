// What the price optimiser takes and what it answers.
import { Type, type Static } from '@sinclair/typebox'

export const PricingInputSchema = Type.Object({
  horizon_days: Type.Optional(Type.Integer({ minimum: 7, maximum: 120, default: 30, description: 'Days ahead over which a price has to pay.' })),
  max_proposals: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 200, default: 25, description: 'At most so many products a run, those with the highest gain.' })
  ),
  min_gain: Type.Optional(
    Type.Number(
      { minimum: 0, default: 1, description: 'Expected gain of a product over the horizon below which nothing is proposed, in the currency of the shop.' }
    )
  ),
  caution: Type.Optional(Type.Number({
    minimum: 0.5, maximum: 4, default: 1.28, description: 'Standard deviations between the expectation and the lower bound: 1.28 leaves one chance in ten.'
  })),
  holding_cost_per_year: Type.Optional(Type.Number({
    minimum: 0,
    maximum: 1,
    default: 0.2,
    description: 'What it costs to keep stock for a year, as a part of its cost. An assumption; 0 leaves it out.'
  })),
  overstock_days: Type.Optional(Type.Integer({ minimum: 30, maximum: 2_000, default: 180, description: 'Days of cover from which stock is too much.' })),
  stock_out_days: Type.Optional(Type.Integer({ minimum: 1, maximum: 120, default: 14, description: 'Days of cover below which stock runs out.' })),
  rule_step: Type.Optional(
    Type.Number({ minimum: 0.01, maximum: 0.2, default: 0.05, description: 'The most that a rule without an own elasticity moves a price.' })
  ),
  competitor_max_age_days: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 90, default: 7, description: 'Older rows of the competitors\' prices are ignored.' })
  ),
  settle_days: Type.Optional(
    Type.Integer(
      { minimum: 0, maximum: 90, default: 14, description: 'A price that changed within these days is left alone: what it does cannot be seen yet.' }
    )
  ),
  endings: Type.Optional(Type.Union([Type.Literal('habit'), Type.Literal('any')], {
    default: 'habit', description: 'habit: prices end as most of the shop\'s do, where they have a habit.'
  }))
}, { additionalProperties: false })
export type PricingInput = Required<Static<typeof PricingInputSchema>>

/** What is not said in the input. */
export const DEFAULTS: PricingInput = {
  horizon_days: 30,
  max_proposals: 25,
  min_gain: 1,
  caution: 1.28,
  holding_cost_per_year: 0.2,
  overstock_days: 180,
  stock_out_days: 14,
  rule_step: 0.05,
  competitor_max_age_days: 7,
  settle_days: 14,
  endings: 'habit'
}

export const SKIP_REASONS = [
  'not_active', 'other_currency', 'no_price', 'not_enrolled', 'unknown_cost', 'unknown_vat', 'out_of_stock', 'changed_recently', 'never_sold',
  'too_little_history', 'no_price_within_limits', 'floor_out_of_reach', 'no_certain_gain', 'gain_too_small', 'beyond_max_proposals'
] as const
export type SkipReason = typeof SKIP_REASONS[number]

const MoneySchema = Type.Object({ amount: Type.String(), currency: Type.String() })
const Moment = (description: string) => Type.String({ description: `${description} ISO-8601.` })

export const METHODS = ['elasticity', 'stock_out_risk', 'overstock', 'competitor_gap'] as const
export type Method = typeof METHODS[number]

const ChangeSchema = Type.Object({
  product_id: Type.String(),
  variant_id: Type.String(),
  sku: Type.Union([Type.String(), Type.Null()]),
  title: Type.String(),
  price: MoneySchema,
  new_price: MoneySchema,
  floor: MoneySchema,
  method: Type.Union(METHODS.map((method) => Type.Literal(method)))
})

const Outcome = (description: string) => Type.Object({
  gross_profit: MoneySchema,
  units: Type.Number()
}, { description })

export const PricingOutputSchema = Type.Object({
  as_of: Moment('When the history was read.'),
  prices_read_at: Moment('When prices, costs and stock were read.'),
  source: Type.Union([Type.Literal('live'), Type.Literal('sandbox')]),
  currency: Type.String(),
  horizon_days: Type.Integer(),
  history_from: Moment('No order before this is known.'),
  looked_at: Type.Object({ orders: Type.Integer(), products: Type.Integer(), variants: Type.Integer() }),
  orders_left_out: Type.Object({ test: Type.Integer(), other_currency: Type.Integer(), lines_without_price: Type.Integer() }),
  skipped: Type.Array(Type.Object({ reason: Type.Union(SKIP_REASONS.map((reason) => Type.Literal(reason))), variants: Type.Integer() })),
  competitor_prices: Type.Union([Type.Null(), Type.Object({
    received_at: Moment('When the owner handed the list in.'),
    rows: Type.Integer(),
    used: Type.Integer(),
    stale: Type.Integer(),
    other_currency: Type.Integer(),
    invalid: Type.Integer(),
    superseded: Type.Integer({ description: 'Older than another row of the same competitor and SKU.' }),
    unknown_sku: Type.Integer({ description: 'SKUs of the list that the shop does not have.' })
  })], { description: 'Null: the owner has handed in no list.' }),
  elasticity: Type.Object({
    shop: Type.Number({ description: 'Percent of demand lost for a percent of price, pooled over the shop.' }),
    shop_sd: Type.Number(),
    spread: Type.Number({ description: 'How far products of a type differ from each other: standard deviation.' }),
    products_with_estimate: Type.Integer(),
    products_with_three_prices: Type.Integer(),
    dispersion: Type.Number({ description: 'How much more purchases vary than by chance alone.' })
  }),
  price_endings: Type.Union([Type.Array(Type.String()), Type.Null()], { description: 'By which the shop\'s prices end; null: no habit, or not asked for.' }),
  proposals: Type.Object({
    made: Type.Integer(),
    filed: Type.Integer(),
    unchanged: Type.Integer(),
    shadow: Type.Integer(),
    blocked: Type.Integer()
  }),
  plan: Type.Object({
    status_quo: Outcome('Of the articles in the proposals, with their current prices.'),
    planned: Outcome('Of the same with the proposed prices.'),
    gross_profit_gain: MoneySchema,
    gross_profit_gain_lower: MoneySchema,
    holding_cost_saved: MoneySchema,
    expected_gain: MoneySchema,
    expected_gain_lower: MoneySchema
  }, { description: 'Over the horizon. The lower bound takes the lower bound of every article at once.' }),
  changes: Type.Array(ChangeSchema, { description: 'At most 100, the highest gain first.' }),
  changes_total: Type.Integer()
})
export type PricingOutput = Static<typeof PricingOutputSchema>
