// The changes that agents propose, by class: as a line and as columns of a table, all of it plain text.

/** Decimal text as it is, never rounded. */
export const money = (amount, currency) => {
  try {
    return new Intl.NumberFormat('en', { style: 'currency', currency, maximumFractionDigits: 4 }).format(amount)
  } catch {
    return `${amount} ${currency}`
  }
}

const orNone = (value) => value === null || value === undefined || value === '' ? 'none' : value
const list = (texts) => texts.join(', ')
const day = (ms) => new Date(ms).toLocaleString('en', { dateStyle: 'medium', timeStyle: 'short' })
const numberOf = (gid) => gid.split('/').at(-1)
const percent = (fraction) => `${(fraction * 100).toFixed(1)} %`
const counted = (amount, one) => `${amount} ${one}${amount === 1 ? '' : 's'}`
const amountOf = (name) => (item) => item[name] === null || item[name] === undefined ? 'none' : money(item[name], item.currency)
const field = (name) => (item) => String(orNone(item[name]))
const words = (name) => (item) => String(item[name]).replaceAll('_', ' ')

const RIGHT = true
const ORDER = ['Order', field('order_name')]

/** `line`: what is done, in a few words. `columns`: heading, text, and whether it is a figure. `undo`: it can be undone. `hand`: a person carries it out. */
const CLASSES = {
  price_change: {
    undo: true,
    line: (item) => `${item.title}: ${amountOf('expected_price')(item)} to ${amountOf('price')(item)}`,
    columns: [
      ['Product', field('title')],
      ['SKU', field('sku')],
      ['Price now', amountOf('expected_price'), RIGHT],
      ['New price', amountOf('price'), RIGHT],
      ['Change', ({ price, expected_price: now }) => Number(now) === 0 ? 'none' : `${price - now < 0 ? '' : '+'}${percent(price / now - 1)}`, RIGHT],
      ['Crossed out', (item) => item.compare_at_price === item.expected_compare_at_price
        ? amountOf('compare_at_price')(item)
        : `${amountOf('expected_compare_at_price')(item)} to ${amountOf('compare_at_price')(item)}`, RIGHT]
    ]
  },
  order_hold: { undo: true, line: (item) => `Hold order ${item.order_name}`, columns: [ORDER, ['Because of', words('reason')], ['Note', field('note')]] },
  order_tag: {
    undo: true,
    line: (item) => `Tag order ${item.order_name}: ${list(item.add)}`,
    columns: [ORDER, ['Tags to add', (item) => list(item.add)]]
  },
  order_note: {
    undo: true,
    line: (item) => `Note on order ${item.order_name}`,
    columns: [ORDER, ['Note now', field('expected_note')], ['New note', field('note')]]
  },
  order_cancel: {
    hand: true,
    line: (item) => `Cancel order ${item.order_name}`,
    columns: [ORDER, ['Total', amountOf('total'), RIGHT], ['Reason', field('reason')]]
  },
  refund: {
    line: (item) => `Refund ${amountOf('expected_total')(item)} of order ${item.order_name}`,
    columns: [
      ORDER,
      ['Goods', ({ lines }) => orNone(list(lines.map((line) => `${line.quantity} of line ${numberOf(line.line_id)} (${words('restock')(line)})`)))],
      ['Shipping', amountOf('shipping'), RIGHT],
      ['Refund', amountOf('expected_total'), RIGHT],
      ['Note', field('note')],
      ['Customer', (item) => item.notify_customer ? 'is told' : 'is not told']
    ]
  },
  discount_code: {
    undo: true,
    line: (item) => `Code ${item.code}: ${percent(item.percentage)} off`,
    columns: [
      ['Code', field('code')],
      ['Title', field('title')],
      ['Off', (item) => percent(item.percentage), RIGHT],
      ['On', ({ product_ids: ids }) => ids.length === 0 ? 'everything' : counted(ids.length, 'product')],
      ['For', ({ segment_ids: ids }) => ids.length === 0 ? 'everybody' : counted(ids.length, 'segment')],
      ['From', (item) => day(item.starts_at)],
      ['Until', (item) => day(item.ends_at)],
      ['Least order', amountOf('minimum_subtotal'), RIGHT],
      ['Uses', (item) => `${item.usage_limit}${item.once_per_customer ? ', one a customer' : ''}`, RIGHT],
      ['Cost of a use', amountOf('cost_per_use'), RIGHT]
    ]
  },
  segment: { line: (item) => `Segment ${item.name}`, columns: [['Name', field('name')], ['Who is in it', field('query')]] },
  draft_product: {
    line: (item) => `Draft product ${item.title}`,
    columns: [
      ['Title', field('title')],
      ['SKU', field('sku')],
      ['Price', amountOf('price'), RIGHT],
      ['Cost', amountOf('unit_cost'), RIGHT],
      ['Vendor', field('vendor')],
      ['Type', field('product_type')],
      ['Tags', (item) => orNone(list(item.tags))],
      ['Description', field('description_html')]
    ]
  },
  recommendation: {
    undo: true,
    line: (item) => `Recommendations for ${item.title}`,
    columns: [['Product', field('title')], ['What goes with it', (item) => `products ${list(item.products.map(numberOf))}`]]
  },
  purchase_order: {
    hand: true,
    line: (item) => `Order ${item.quantity} of ${item.title}`,
    columns: [
      ['Product', field('title')],
      ['SKU', field('sku')],
      ['Supplier', field('supplier')],
      ['Quantity', field('quantity'), RIGHT],
      ['Cost each', (item) => item.unit_cost === null ? 'unknown' : amountOf('unit_cost')(item), RIGHT]
    ]
  },
  campaign_draft: {
    hand: true,
    line: (item) => `Campaign ${item.name}`,
    columns: [
      ['Name', field('name')],
      ['Segment', field('segment')],
      ['People', field('audience'), RIGHT],
      ['Held out', field('hold_out'), RIGHT],
      ['Subject', field('subject')],
      ['Text', field('body')]
    ]
  },
  reply_draft: {
    hand: true,
    line: (item) => `Reply to ticket ${item.ticket_id}`,
    columns: [
      ['Ticket', field('ticket_id')],
      ['Language', field('language')],
      ['Subject', field('subject')],
      ['Text', field('body')],
      ['Facts', (item) => orNone(list(item.facts.map(({ fact, source }) => `${fact} (${source})`)))]
    ]
  }
}

/** Newer servers may know more classes than this page. */
const UNKNOWN = { columns: [['Change', (item) => JSON.stringify(item)]] }

export const columnsOf = (name) => (CLASSES[name] ?? UNKNOWN).columns
export const lineOf = (name, item, target) => CLASSES[name]?.line(item) ?? target
export const isUndoable = (name) => CLASSES[name]?.undo === true
export const isByHand = (name) => CLASSES[name]?.hand === true
