// What the marketing agent takes and what it answers.
import { Type, type Static, type TSchema } from '@sinclair/typebox'
import { CHECKOUT_FATES } from './checkouts.ts'
import { STAGES } from './lifecycle.ts'

const Count = (description?: string) => Type.Integer({ minimum: 0, ...(description === undefined ? {} : { description }) })
const Instant = (description: string) => Type.String({ description: `${description} ISO-8601.` })
const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])
const MoneySchema = Type.Object({ amount: Type.String(), currency: Type.String() })
const Share = (of: string) => Type.Number({ description: of })
const literals = <const T extends readonly string[]>(names: T) => Type.Union(names.map((name) => Type.Literal(name as T[number])))

const ChannelSchema = Type.Union([Type.Literal('email'), Type.Literal('sms')])

export const MarketingInputSchema = Type.Object({
  channel: Type.Optional(Type.Union([Type.Literal('email'), Type.Literal('sms')], {
    default: 'email', description: 'Only customers who consented on this channel are in an audience.'
  })),
  hold_out: Type.Optional(Type.Number({ minimum: 0, maximum: 0.5, default: 0.1, description: 'The part of an audience that gets nothing, to measure by.' })),
  max_discount: Type.Optional(Type.Number({ minimum: 0.01, maximum: 0.5, default: 0.15, description: '0.15 is 15 %: the most that a code takes off.' })),
  max_uses: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000, default: 500, description: 'The most uses of one code.' })),
  code_days: Type.Optional(Type.Integer({
    minimum: 14, maximum: 23, default: 21, description: 'A code runs at least so many days, and to the end of a week.'
  })),
  min_audience: Type.Optional(Type.Integer({ minimum: 1, maximum: 100_000, default: 50, description: 'Smaller audiences get no segment and no campaign.' })),
  checkout_hours: Type.Optional(Type.Integer({ minimum: 1, maximum: 72, default: 4, description: 'A checkout counts as left after so many quiet hours.' })),
  checkout_days: Type.Optional(Type.Integer({ minimum: 1, maximum: 60, default: 14, description: 'Older checkouts are left alone.' })),
  overstock_cover_days: Type.Optional(Type.Integer({
    minimum: 30, maximum: 2_000, default: 180, description: 'Stock that lasts longer than this is overstock.'
  })),
  max_overstock_campaigns: Type.Optional(Type.Integer({
    minimum: 0, maximum: 5, default: 2, description: 'Types of products, those with the most stock first.'
  })),
  list_hold_out_of: Type.Optional(Type.String({
    minLength: 1, maxLength: 120, description: 'A campaign, such as at_risk: the ids of those who are held out of it come with the output and as CSV.'
  }))
}, { additionalProperties: false })
export type MarketingInput = Static<typeof MarketingInputSchema>

const Range = Nullable(Type.Tuple([Type.Number(), Type.Number()], { description: 'Lowest and highest.' }))

const STEPS = ['segment_proposed', 'code_proposed', 'draft_proposed', 'nothing'] as const
const SKIPS = [
  'audience_too_small', 'segment_not_understood', 'segment_needs_no_campaign', 'code_is_in_use', 'resting', 'code_taken',
  'no_product_above_its_floor', 'unknown_order_value'
] as const
export type Step = typeof STEPS[number]
export type Skip = typeof SKIPS[number]

export const MarketingOutputSchema = Type.Object({
  as_of: Instant('The orders are known up to here.'),
  source: Type.Union([Type.Literal('live'), Type.Literal('sandbox')]),
  customers_as_of: Instant('Customers and their consent as they were then.'),
  channel: ChannelSchema,
  orders: Type.Object({
    from: Instant('Older orders are not known.'),
    read: Count(),
    counted: Count('Of customers, in the currency of the shop.'),
    left_out: Type.Object({ test: Count(), cancelled: Count(), guest: Count('Nobody to write to.'), other_currency: Count() })
  }),
  customers: Type.Object({
    read: Count(),
    with_orders: Count('With an order that is known here.'),
    gone: Count('Buyers whom the shop does not list any more.'),
    email_consent: Count(),
    sms_consent: Count(),
    without_any_consent: Count('Not consented on any channel: in no audience.'),
    data_sale_opt_out: Count('Consented on the channel, but objected to the sale of their data: in no audience either.'),
    contactable: Count('Consented on the channel: all that an audience can be made of.')
  }),
  rfm: Type.Object({
    fifths: Type.Array(Type.Object({
      fifth: Type.Integer({ minimum: 1, maximum: 5 }),
      recency: Type.Object({ customers: Count(), days_since_last_order: Range }),
      frequency: Type.Object({ customers: Count(), orders: Range }),
      monetary: Type.Object({ customers: Count(), spent: Range })
    }), { description: 'Equal values are in the same fifth, so that some can be empty. 5 is the best.' }),
    cells: Type.Array(Type.Object({
      recency: Type.Integer(), frequency: Type.Integer(), customers: Count(), contactable: Count(), mean_monetary: Type.Number(), spent: MoneySchema
    }), { description: 'Customers by recency and frequency; `spent`: goods after discounts and returns.' })
  }),
  lifecycle: Type.Object({
    interval: Type.Object({
      days: Type.Number({ description: 'Median days between two orders of a customer who came back.' }),
      basis: Type.Union([Type.Literal('orders'), Type.Literal('assumed')]),
      gaps: Count('Pairs of orders behind it.')
    }),
    stages: Type.Array(Type.Object({
      stage: literals([...STAGES, 'no_order'] as const),
      customers: Count(),
      contactable: Count()
    }), { description: 'By the time since the last order in intervals of the customer, shrunken to the shop\'s: at risk from 1.5, lapsed from 3.' })
  }),
  next_orders: Type.Object({
    by_own_interval: Count('Customers with an interval of their own; for the others it is the shop\'s.'),
    overdue: Count('The expected day has passed.'),
    within_7_days: Count(),
    within_30_days: Count('And after 7 days.'),
    later: Count(),
    next: Type.Array(Type.Object({ customer_id: Type.String(), expected_on: Type.String(), interval_days: Type.Number(), orders: Count() }), {
      description: 'Contactable customers with an interval of their own who are expected next, at most 20.'
    })
  }),
  abandoned_checkouts: Type.Object({
    from: Instant('Older ones are left alone.'),
    read: Count(),
    fates: Type.Object(Object.fromEntries(CHECKOUT_FATES.map((fate) => [fate, Count()])) as Record<typeof CHECKOUT_FATES[number], ReturnType<typeof Count>>),
    people: Count('Behind those that wait.'),
    value: MoneySchema
  }),
  overstock: Type.Object({
    looked_at: Count('Products on show.'),
    too_young: Count('On sale for less than 90 days: not judged.'),
    untracked: Count('Stock is not counted: not judged.'),
    products_total: Count(),
    products: Type.Array(Type.Object({
      product_id: Type.String(),
      title: Type.String(),
      type: Type.String(),
      available: Count(),
      sold_90_days: Count(),
      days_of_cover: Nullable(Type.Number({ description: 'Null: none was sold.' })),
      value_at_cost: Nullable(MoneySchema),
      interested: Count('Contactable customers who bought the same type within a year.')
    }), { description: 'The most stock first, at most 20.' })
  }),
  campaigns: Type.Array(Type.Object({
    campaign: Type.String(),
    segment: Type.String(),
    segment_exists: Type.Boolean(),
    audience: Count('Consenting people who would be written to.'),
    hold_out: Count('Consenting people who get nothing. Nobody is in both.'),
    without_consent: Count('Fit the segment and did not consent.'),
    data_sale_opt_out: Count(),
    code: Nullable(Type.String()),
    step: literals(STEPS),
    skipped: Nullable(literals(SKIPS)),
    next: Type.String({ description: 'What happens next, for people.' })
  })),
  skipped: Type.Array(Type.Object({ reason: literals(SKIPS), campaigns: Count() })),
  proposals: Type.Array(Type.Object({
    class: Type.String(),
    key: Type.String(),
    outcome: Type.Union([Type.Literal('filed'), Type.Literal('unchanged'), Type.Literal('shadow'), Type.Literal('blocked')])
  })),
  hold_out_list: Nullable(Type.Object({
    campaign: Type.String(),
    known: Type.Boolean({ description: 'False: there is no campaign of this name.' }),
    share: Share('The part that is held out.'),
    customer_ids: Type.Array(Type.String(), { description: 'At most 5,000.' }),
    total: Count()
  }))
})
export type MarketingOutput = Static<typeof MarketingOutputSchema>
