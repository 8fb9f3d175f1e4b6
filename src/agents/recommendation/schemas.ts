// What the recommendation agent takes and what it answers.
import { Type, type Static } from '@sinclair/typebox'

const Count = (description?: string) => Type.Integer({ minimum: 0, ...(description === undefined ? {} : { description }) })
const Instant = (description: string) => Type.String({ description: `${description} ISO-8601.` })
const Nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()])

export const RecommendationInputSchema = Type.Object({
  count: Type.Optional(Type.Integer({
    minimum: 1, maximum: 100, default: 5, description: 'How many products a list has at the most (NUM_RECOMMENDATIONS). More than 10 counts as 10.'
  })),
  max_changes: Type.Optional(Type.Integer({
    minimum: 0, maximum: 2_000, default: 100, description: 'How many lists a run proposes to change at the most: those of the products ordered most go first.'
  })),
  min_support: Type.Optional(Type.Integer({ minimum: 2, maximum: 1_000, default: 2, description: 'Orders with both products before they count as a pair.' })),
  min_lift: Type.Optional(Type.Number({
    minimum: 0, maximum: 100, default: 0, description: 'Pairs below this lift are left out. From 1 on only what is bought together more than chance explains.'
  })),
  half_life_days: Type.Optional(Type.Integer({ minimum: 7, maximum: 3_650, default: 365, description: 'An order of this age counts half.' })),
  fallback: Type.Optional(Type.Union([Type.Literal('none'), Type.Literal('bestsellers_of_type')], {
    default: 'none', description: 'For products with too little data: no list, or the bestsellers of the same type, marked as such.'
  }))
}, { additionalProperties: false })
export type RecommendationInput = Static<typeof RecommendationInputSchema>

const Kind = Type.Union([Type.Literal('co_purchase'), Type.Literal('bestsellers_of_type')])

const QualitySchema = Type.Union([
  Type.Object({
    state: Type.Literal('measured'),
    cut_at: Instant('Lists from the orders before, asked about the orders after.'),
    until: Instant('End of the orders that were asked about.'),
    count: Count('Answers to a question: the length of the lists.'),
    baskets: Count('Orders with several products after the cut.'),
    questions: Count('One for each product of each of these orders: which other product is in it?'),
    hit_rate: Type.Number({ description: 'The part of the questions with a right answer in the list; products without a list count as misses.' }),
    answered: Type.Number({ description: 'The part of the questions about products with a list.' }),
    bestseller_hit_rate: Type.Number({ description: 'The same for the bestsellers of the 90 days before the cut.' }),
    margin: Type.Number({ description: 'The lead of the lists over the bestsellers is known to +- so much, in 95 of 100 cases.' })
  }),
  Type.Object({
    state: Type.Literal('too_little_data'),
    baskets: Count('Orders with several products after the cut.'),
    needed: Count()
  })
], { description: 'How good lists made in this way are on the last 28 days of this shop. What was in stock then is not known and plays no part.' })

export const RecommendationOutputSchema = Type.Object({
  as_of: Instant('The orders are known up to here.'),
  source: Type.Union([Type.Literal('live'), Type.Literal('sandbox')]),
  catalogue_as_of: Instant('Products and stock as they were then.'),
  orders: Type.Object({
    from: Instant('Older orders are not known.'),
    read: Count(),
    baskets: Count('Orders that count.'),
    with_several_products: Count(),
    left_out: Type.Object({ test: Count(), cancelled: Count(), without_product: Count('Only gift cards, custom lines or deleted products.') })
  }),
  products: Type.Object({
    on_show: Count('Active and published: each should have a list.'),
    with_list: Count('There is enough data for a list.'),
    too_little_data: Count('No list: nothing is made up for them.'),
    too_little_data_with_list: Count('Of these, products that show a list already: it is left as it is.'),
    bestsellers_of_type: Count('Lists that are only bestsellers of the same type. Not among `with_list`.'),
    other_type: Count('The metafield is used for something else: left alone.'),
    not_recommended: Type.Object({
      not_active: Count(), not_published: Count(), out_of_stock: Count()
    }, { description: 'Products that no list may show now.' })
  }),
  passed_over: Type.Object({
    not_active: Count(), not_published: Count(), out_of_stock: Count(), gone: Count()
  }, { description: 'Good companions that were left out of a list, counted once a list.' }),
  lists: Type.Object({
    unchanged: Count('The same products as the shop shows now, in whatever order.'),
    changed: Count(),
    proposed: Count(),
    over_the_cap: Count('Changed, and left for a later run.')
  }),
  quality: QualitySchema,
  proposals: Type.Array(Type.Object({
    key: Type.String(),
    items: Count(),
    outcome: Type.Union([Type.Literal('filed'), Type.Literal('unchanged'), Type.Literal('shadow'), Type.Literal('blocked')])
  }), { description: 'At most 100.' }),
  proposals_total: Count(),
  changes: Type.Array(Type.Object({
    product_id: Type.String(),
    title: Type.String(),
    orders: Count('Orders with the product.'),
    kind: Kind,
    products: Type.Array(Type.Object({
      product_id: Type.String(),
      title: Type.String(),
      orders_with_both: Nullable(Count()),
      lift: Nullable(Type.Number())
    }))
  }), { description: 'The changes that were proposed, at most 25; all are in the proposals.' }),
  changes_total: Count()
})
export type RecommendationOutput = Static<typeof RecommendationOutputSchema>
