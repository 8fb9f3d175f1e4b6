// The owner's lists as the API shows them.
import { Type } from '@sinclair/typebox'
import { FEED_NAMES } from '../../src/core/shop-history.ts'
import { NextCursor, Nullable, OneOf, Time } from '../schemas.ts'

export const FeedParams = Type.Object({
  name: Type.String({ description: `One of ${FEED_NAMES.join(', ')}.`, examples: ['suppliers'] })
})

const Columns = Type.Array(Type.String(), { description: 'In the order of the list, in lower case.', examples: [['sku', 'supplier', 'lead_time_days']] })

export const FeedSummary = Type.Object({
  name: OneOf(FEED_NAMES),
  received_at: Nullable(Time('When it was handed in; null: it has not been.')),
  rows: Nullable(Type.Integer({ examples: [214] })),
  columns: Nullable(Columns),
  required_columns: Type.Array(Type.String(), { description: 'A list without one of them is refused.', examples: [['sku', 'lead_time_days']] }),
  actor: Nullable(Type.String({ description: 'Who handed it in.', examples: ['api'] }))
})

export const FeedRows = Type.Object({
  name: OneOf(FEED_NAMES),
  received_at: Time('When it was handed in.'),
  columns: Columns,
  total: Type.Integer({ description: 'Rows of the whole list.', examples: [214] }),
  rows: Type.Array(Type.Record(Type.String(), Type.String()), {
    description: 'By column; every cell is text, and an empty one is empty text.',
    examples: [[{ sku: 'RE-SAD-001-M', supplier: 'Sattlerei Nord', lead_time_days: '21' }]]
  }),
  next_cursor: NextCursor
})

const EXAMPLE = 'sku,supplier,lead_time_days\r\nRE-SAD-001-M,Sattlerei Nord,21\r\n'

export const FeedCsv = Type.String({ examples: [EXAMPLE] })

/** The parser hands bytes on: what is in them is checked when they are read. */
export const FeedBody = Type.Unsafe<Uint8Array>({
  description: 'A line with the names of the columns, then a line a row. Commas or semicolons, quotes where needed, UTF-8.', examples: [EXAMPLE]
})
