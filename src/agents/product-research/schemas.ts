// What the product research takes and what it answers.
import { Type, type Static, type TSchema } from '@sinclair/typebox'
import { ROW_FAULTS } from './candidate-rows.ts'

const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])
const Weight = (value: number, description: string) => Type.Optional(Type.Number({ minimum: 0, maximum: 1, default: value, description }))

export const WEIGHTS = { margin: 0.35, demand: 0.25, momentum: 0.2, lead_time: 0.1, returns: 0.1, similarity: 0.3 } as const

export const ResearchInputSchema = Type.Object({
  weights: Type.Optional(Type.Object({
    margin: Weight(WEIGHTS.margin, 'What one unit leaves, of its price without tax.'),
    demand: Weight(WEIGHTS.demand, 'How well products of this type sell in this shop.'),
    momentum: Weight(WEIGHTS.momentum, 'Whether the type grows.'),
    lead_time: Weight(WEIGHTS.lead_time, 'How soon it can be there.'),
    returns: Weight(WEIGHTS.returns, 'How seldom the type goes back.'),
    similarity: Weight(WEIGHTS.similarity, 'Taken off: how much it is like what is sold already.')
  }, { additionalProperties: false })),
  most: Type.Optional(Type.Integer({ minimum: 0, maximum: 20, default: 5, description: 'Drafts that are proposed at the most.' })),
  least_score: Type.Optional(Type.Number({ minimum: 0, maximum: 1, default: 0.5, description: 'Below it nothing is proposed.' })),
  too_similar: Type.Optional(Type.Number({ minimum: 0.3, maximum: 1, default: 0.85, description: 'From this likeness on it counts as sold already.' }))
}, { additionalProperties: false })
export type ResearchInput = Static<typeof ResearchInputSchema>

const TermSchema = Type.Object({
  name: Type.Union([
    Type.Literal('margin'), Type.Literal('demand'), Type.Literal('momentum'), Type.Literal('lead_time'), Type.Literal('returns'), Type.Literal('similarity')
  ]),
  value: Type.Number({ description: 'From 0 to 1.' }),
  weight: Type.Number(),
  points: Type.Number({ description: 'weight x value, below 0 for what is taken off; the sum of all is the score.' }),
  because: Type.String()
})

const CategorySchema = Type.Object({
  type: Type.String(),
  products: Type.Integer({ description: 'For sale now.' }),
  units: Type.Integer({ description: 'Of the last 8 weeks.' }),
  units_year_before: Nullable(Type.Integer({ description: 'Of the same weeks a year before; null: not known.' })),
  units_per_week_per_product: Nullable(Type.Number()),
  growth: Nullable(Type.Number({ description: '0.1 is 10 % more than a year before; null: not known, or too few units to tell.' })),
  trend: Nullable(Type.Number({ description: 'The 8 weeks against the 8 before, less what the season did a year ago.' })),
  return_rate: Nullable(Type.Number({ description: 'Units that went back / units sold, of the last year without the last 30 days.' })),
  net: Type.String({ description: 'Sales of the last year after discounts, before returns.' }),
  margin: Nullable(Type.Number({ description: 'Without tax, over the lines with a known cost.' })),
  margin_coverage: Nullable(Type.Number()),
  median_price: Nullable(Type.String())
})

const RankedSchema = Type.Object({
  rank: Type.Integer(),
  row: Type.Integer({ description: 'Line of the list.' }),
  sku: Type.String(),
  title: Type.String(),
  type: Type.String(),
  supplier: Type.String(),
  score: Type.Number(),
  terms: Type.Array(TermSchema),
  landed: Type.String({ description: 'Unit cost and shipping to the shop.' }),
  price: Type.String({ description: 'The suggested price, or the floor where that is higher.' }),
  floor: Type.String(),
  unit_margin: Type.String(),
  margin: Type.Number(),
  lead_time_days: Nullable(Type.Integer()),
  moq: Nullable(Type.Integer()),
  most_like: Nullable(Type.String()),
  likeness: Type.Number()
})

export const EXCLUSIONS = ['sku_in_catalogue', 'too_similar', 'no_floor', 'handle_taken', 'below_least_score', 'beyond_most'] as const
export type Exclusion = typeof EXCLUSIONS[number]

export const ResearchOutputSchema = Type.Object({
  state: Type.Union([Type.Literal('ranked'), Type.Literal('no_candidates')]),
  source: Type.String(),
  as_of: Type.String({ description: 'The shop as it was then. ISO-8601.' }),
  covers_from: Type.String({ description: 'No order before this is known. ISO-8601.' }),
  currency: Type.String(),
  feed: Nullable(Type.Object({
    received_at: Type.String(),
    rows: Type.Integer(),
    valid: Type.Integer(),
    invalid: Type.Array(Type.Object({
      reason: Type.Union(ROW_FAULTS.map((fault) => Type.Literal(fault))),
      count: Type.Integer(),
      first_rows: Type.Array(Type.Integer(), { maxItems: 10 })
    }))
  })),
  suppliers: Nullable(Type.Object({ received_at: Type.String(), known: Type.Integer() })),
  weights: Type.Object({
    margin: Type.Number(),
    demand: Type.Number(),
    momentum: Type.Number(),
    lead_time: Type.Number(),
    returns: Type.Number(),
    similarity: Type.Number()
  }),
  ranking: Type.Array(RankedSchema, { maxItems: 100 }),
  ranked: Type.Integer({ description: 'All that were ranked; the best 100 are listed.' }),
  excluded: Type.Array(Type.Object({
    reason: Type.Union(EXCLUSIONS.map((reason) => Type.Literal(reason))), count: Type.Integer(), first_rows: Type.Array(Type.Integer(), { maxItems: 10 })
  })),
  proposals: Type.Array(Type.Object({ handle: Type.String(), sku: Type.String(), id: Type.String(), outcome: Type.String() })),
  categories: Type.Array(CategorySchema, { maxItems: 60 }),
  categories_total: Type.Integer(),
  left_out: Type.Array(Type.Object({ reason: Type.String(), count: Type.Integer() }))
})
export type ResearchOutput = Static<typeof ResearchOutputSchema>
