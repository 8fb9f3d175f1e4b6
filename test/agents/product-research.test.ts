// Product research: the shop's own figures, the owner's list row by row, the score term by term, what is proposed, and the table as CSV.
import t from 'tap'
import { generateShop } from '../../sandbox/shop/generate.ts'
import { csvOf } from '../../src/agents/csv.ts'
import { candidatesOf, suppliersOf } from '../../src/agents/product-research/candidate-rows.ts'
import { tallyCategories, type CategoryFigures } from '../../src/agents/product-research/category-figures.ts'
import { handleOf } from '../../src/agents/product-research/draft-proposals.ts'
import { productResearch } from '../../src/agents/product-research/index.ts'
import { createLikeness } from '../../src/agents/product-research/likeness.ts'
import { scoreOf } from '../../src/agents/product-research/score.ts'
import { WEIGHTS, type ResearchInput, type ResearchOutput } from '../../src/agents/product-research/schemas.ts'
import { faultOf } from '../../src/core/check.ts'
import type { Commerce } from '../../src/core/commerce.ts'
import type { EffectItem } from '../../src/core/effects/items.ts'
import type { Feed } from '../../src/core/shop-history.ts'
import { contextOf, NOW, type ContextParts } from '../helpers/agent-context.ts'
import { createMemoryShop } from '../helpers/memory-shop.ts'
import { soldOrdersOf, variantsOf } from '../helpers/sandbox-history.ts'

const DAY = 86_400_000
const shop = generateShop({ today: '2026-11-24' })
shop.advance(NOW)
const orders = soldOrdersOf(shop)
const variants = variantsOf(shop)
/** Enough for what is proposed, and quicker to add up. */
const recent = orders.filter(({ created_at: at }) => at > NOW - 60 * DAY)

const COLUMNS = ['title', 'type', 'vendor', 'sku', 'unit_cost', 'currency', 'shipping_cost', 'suggested_price', 'lead_time_days', 'moq', 'description']
const row = (more: Record<string, string> = {}): Record<string, string> => ({
  title: 'Cooling Ice Wraps',
  type: 'Hoof Care',
  vendor: 'Nordic Tack',
  sku: 'NT-1',
  unit_cost: '6.00',
  currency: 'EUR',
  shipping_cost: '0.50',
  suggested_price: '19.95',
  lead_time_days: '20',
  moq: '50',
  description: '',
  ...more
})
const listOf = (rows: Array<Record<string, string>>, name: Feed['name'] = 'product_candidates'): Feed =>
  ({ name, received_at: NOW - DAY, columns: COLUMNS, rows })

const run = async (rows: Array<Record<string, string>> | undefined, input: ResearchInput = {}, parts: ContextParts & { taken?: string[] } = {}) => {
  const commerce: Commerce = {
    ...createMemoryShop({ now: () => NOW }).commerce,
    inLane: () => commerce,
    productByHandle: async (handle) => parts.taken?.includes(handle) === true
      ? { id: 'gid://shopify/Product/1', handle, status: 'DRAFT', variant_id: 'v', source: 'sandbox', read_at: NOW }
      : null
  }
  const { context, proposed } = contextOf({
    orders: recent, variants, feeds: rows === undefined ? {} : { product_candidates: listOf(rows) }, ...parts, ports: { commerce }
  })
  const output = await productResearch.run(context, input) as ResearchOutput
  const fault = await faultOf(productResearch.output, output)
  if (fault !== undefined) throw new Error(`The output does not fit its schema: ${fault}`)
  return { output, proposed }
}

t.test('without a list the shop’s own figures are still reported, equal to what its records add up to', async (t) => {
  const { output, proposed } = await run(undefined, {}, { orders })
  t.match(output, { state: 'no_candidates', feed: null, suppliers: null, ranking: [], ranked: 0, proposals: [], source: 'sandbox' })
  t.equal(proposed.length, 0)
  t.match(productResearch.summarise(output), /^No list of candidates was handed in\. 26 product types looked at; .+ grew most/)

  const hoof = output.categories.find(({ type }) => type === 'Hoof Care')!
  const sold = (from: number, to: number): number => shop.orders
    .filter((order) => !order.test && order.cancelledAt === null && order.createdAt > NOW - to * DAY && order.createdAt <= NOW - from * DAY)
    .flatMap(({ lines }) => lines).filter(({ variant }) => variant.product.type === 'Hoof Care').reduce((sum, { quantity }) => sum + quantity, 0)
  t.equal(hoof.units, sold(0, 56))
  t.equal(hoof.units_year_before, sold(364, 420))
  t.equal(hoof.growth, Math.round((sold(0, 56) / sold(364, 420) - 1) * 1_000) / 1_000)
  t.equal(hoof.units_per_week_per_product, Math.round(sold(0, 56) / 8 / hoof.products * 1_000) / 1_000)
  const rates = Object.fromEntries(output.categories.map(({ type, return_rate: rate }) => [type, rate ?? 0]))
  t.ok(rates['Breeches']! > 0.05 && rates['Breeches']! > 2 * rates['Hoof Care']!, `trousers go back more often: ${rates['Breeches']}, ${rates['Hoof Care']}`)
  for (const { type, margin } of output.categories) t.ok(margin !== null && margin > 0.15 && margin < 0.65, `${type}: ${margin}`)

  const young = tallyCategories(variants, { now: NOW, coversFrom: NOW - 60 * DAY, currency: 'EUR' })
  for (const order of orders) if (order.created_at > NOW - 60 * DAY) young.add(order)
  const figures = young.result().find(({ type }) => type === 'Hoof Care')!
  t.match(figures, { units: hoof.units, units_year_before: null, growth: null, trend: null }, 'a year that is not known is not a year without sales')
})

t.test('rows that cannot be used are counted with their reason', async (t) => {
  const bad: Array<[string, Record<string, string>]> = [
    ['no_title', { title: ' ' }], ['no_type', { type: '' }], ['no_supplier', { vendor: '' }], ['no_sku', { sku: '' }],
    ['bad_unit_cost', { unit_cost: '' }], ['bad_unit_cost', { unit_cost: '0' }], ['bad_unit_cost', { unit_cost: '-3' }],
    ['bad_unit_cost', { unit_cost: '1e3' }],
    ['bad_unit_cost', { unit_cost: '1,234' }], ['bad_currency', { currency: 'Euro' }], ['other_currency', { currency: 'USD' }],
    ['bad_shipping_cost', { shipping_cost: '' }], ['bad_suggested_price', { suggested_price: 'NaN' }], ['bad_suggested_price', { suggested_price: '0.00' }],
    ['bad_lead_time', { lead_time_days: 'soon' }], ['bad_moq', { moq: '0' }], ['bad_moq', { moq: '1.5' }]
  ]
  for (const [reason, cells] of bad) {
    t.strictSame(candidatesOf(listOf([row(cells)]), new Map(), 'EUR'), { candidates: [], invalid: [{ row: 1, reason }] }, `${JSON.stringify(cells)}`)
  }
  const { candidates, invalid } = candidatesOf(listOf([row(), row({ title: 'Other', sku: 'nt-1' }), row({ sku: 'B', unit_cost: '12,50' })]), new Map(), 'EUR')
  t.strictSame(invalid, [{ row: 2, reason: 'sku_twice' }])
  t.match(candidates[1], { row: 3, landed: { amount: '13.00' } }, 'a decimal comma is understood')
  const capitals = Object.fromEntries(Object.entries(row()).map(([name, value]) => [` ${name.toUpperCase().replace('_', ' ')} `, value]))
  t.equal(candidatesOf(listOf([capitals]), new Map(), 'EUR').candidates.length, 1, 'headers by any case')
  const { output } = await run([row({ title: '' }), row({ sku: '' }), row({ sku: '' })])
  const expected = [{ reason: 'no_title', count: 1 }, { reason: 'no_sku', count: 2, first_rows: [2, 3] }]
  t.match(output, { state: 'no_candidates', feed: { rows: 3, valid: 0, invalid: expected } })
  t.match(productResearch.summarise(output), /^None of the 3 rows of the list is usable \(.*\d [a-z ]+\)\./)
  const many = candidatesOf(listOf(Array.from({ length: 2_001 }, (_, index) => row({ sku: `S${index}` }))), new Map(), 'EUR')
  t.strictSame(many.invalid, [{ row: 2_001, reason: 'too_many_rows' }])
})

t.test('lead time and least quantity come from the row, else from the supplier, else they are unknown', (t) => {
  const suppliers = suppliersOf(listOf([{ supplier: 'NORDIC TACK', lead_time_days: '33', moq: '7' }, { supplier: 'Odd', lead_time_days: 'x' }], 'suppliers'))
  const [own] = candidatesOf(listOf([row()]), suppliers, 'EUR').candidates
  t.match(own, { lead_time_days: 20, moq: 50 })
  t.match(candidatesOf(listOf([row({ lead_time_days: '', moq: '' })]), suppliers, 'EUR').candidates[0], { lead_time_days: 33, moq: 7 })
  t.match(candidatesOf(listOf([row({ lead_time_days: '', moq: '', vendor: 'Odd' })]), suppliers, 'EUR').candidates[0], { lead_time_days: null, moq: null })
  t.end()
})

const category = (more: Partial<CategoryFigures> = {}): CategoryFigures => ({
  type: 'Hoof Care',
  products: 8,
  units: 400,
  units_year_before: 320,
  units_per_week_per_product: 6.25,
  growth: 0.25,
  trend: 0.1,
  return_rate: 0.01,
  net: '1000.00',
  margin: 0.5,
  margin_coverage: 1,
  median_price: '19.95',
  ...more
})
const LIMITS = { floor: () => ({ amount: '10.00', currency: 'EUR' }), vat: 0.19, shipping_per_unit: '1.00', fees_per_unit: '0.50' }
const LIKE = { share: 0.2, title: 'Hoof Oil Celle' }
const judged = (cells: Record<string, string> = {}, more: Partial<CategoryFigures> = {}, limits = LIMITS) => scoreOf(
  candidatesOf(listOf([row(cells)]), new Map(), 'EUR').candidates[0]!, LIKE,
  { categories: new Map([['hoof care', category(more)]]), usual_demand: 2 }, limits, WEIGHTS)!

t.test('the score is the sum of its terms, and each says how it came about', (t) => {
  const one = judged()
  const terms = Object.fromEntries(one.terms.map((term) => [term.name, term]))
  // 19.95 / 1.19 = 16.76; - 6.00 - 0.50 - 1.00 - 0.50 = 8.76 left.
  t.equal(one.unit_margin.amount, '8.76')
  t.equal(terms['margin']!.value, Math.round(8.76 / 16.76 / 0.6 * 1e4) / 1e4)
  t.match(terms['margin']!.because, '(16.76 without tax - 8.00 landed, shipping and fees) / 16.76 = 52.3 %, of 60 %')
  t.equal(terms['demand']!.value, Math.round(6.25 / 8.25 * 1e4) / 1e4)
  t.equal(terms['momentum']!.value, 0.6025, '0.5 + (0.7 x 0.25 + 0.3 x 0.1) / 2')
  t.equal(terms['lead_time']!.value, 0.7778)
  t.equal(terms['returns']!.value, 0.96)
  t.match(terms['similarity'], { value: 0.2, weight: 0.3, points: -0.06 })
  t.equal(one.score, Math.round(one.terms.reduce((sum, { points }) => sum + points, 0) * 1e4) / 1e4)
  for (const { points, weight, value, name } of one.terms) t.ok(Math.abs(points - weight * value * (name === 'similarity' ? -1 : 1)) < 1e-4)
  t.ok(judged({ unit_cost: '9.00' }).score < one.score, 'dearer is worse')
  t.ok(judged({ lead_time_days: '60' }).score < one.score, 'later is worse')
  t.ok(judged({}, { return_rate: 0.2 }).score < one.score)
  t.ok(judged({}, { growth: -0.3 }).score < one.score)
  t.ok(judged({}, { units_per_week_per_product: 1 }).score < one.score)
  const unknown = judged({ type: 'Drones', lead_time_days: '' })
  t.match(unknown.terms.map(({ name, value }) => [name, value]),
    [['margin', Number], ['demand', 0], ['momentum', 0.5], ['lead_time', 0], ['returns', 0.5], ['similarity', 0.2]])
  t.ok(unknown.terms.filter(({ because }) => because.startsWith('unknown')).length === 4, 'what is unknown is called unknown')
  t.end()
})

t.test('no price is below the floor, and without a floor there is no price', (t) => {
  t.match(judged({ suggested_price: '8.00' }), { price: { amount: '10.00' }, floor: { amount: '10.00' } })
  t.match(judged({ suggested_price: '10.01' }), { price: { amount: '10.01' } })
  t.equal(judged({}, {}, { ...LIMITS, floor: () => null as never }), null)
  t.end()
})

t.test('likeness: the same is 1, another spelling is near, another thing is far', (t) => {
  const like = createLikeness([...new Set(variants.map(({ product_title: title }) => title))])
  const [title] = variants.map((variant) => variant.product_title)
  t.equal(like(title!).share, 1)
  t.equal(like(title!.toUpperCase()).share, 1)
  t.ok(like(title!.split(' ').reverse().join(' ')).share > 0.8, 'words in another order')
  t.ok(like('Anti-slip cooling wraps for ice baths').share < 0.4)
  t.ok(like('Inflatable jump poles').share < 0.4)
  t.equal(createLikeness([])('Anything').share, 0)
  t.match(createLikeness([])('Anything'), { title: null })
  t.end()
})

t.test('what is proposed: drafts with evidence, the best first, none that is sold already', async (t) => {
  const own = variants.find(({ status }) => status === 'ACTIVE')!
  const rows = [
    row({ title: 'Cooling Ice Wraps', sku: 'A', description: '<script>alert(1)</script>\nCools & dries.' }),
    row({ title: 'Reflective Ankle Lights', sku: 'B', type: 'Drones' }),
    row({ title: 'Own by SKU', sku: own.sku! }),
    row({ title: own.product_title, sku: 'C' }),
    row({ title: 'Mineral Lick Holder', sku: 'D', type: 'Treats', suggested_price: '1.00' }),
    row({ title: 'Mineral Lick Holder', sku: 'E', type: 'Treats' }),
    row({ title: 'Salt Brick Wall Mount', sku: 'F', type: 'Treats' })
  ]
  const { output, proposed } = await run(rows, { least_score: 0.3 }, { taken: ['salt-brick-wall-mount'] })
  t.match(output.excluded.find(({ reason }) => reason === 'sku_in_catalogue'), { count: 1, first_rows: [3] })
  t.match(output.excluded.find(({ reason }) => reason === 'too_similar'), { count: 1, first_rows: [4] })
  t.match(output.excluded.find(({ reason }) => reason === 'handle_taken'), { count: 2 })
  t.ok(proposed.length > 0)
  t.strictSame(proposed.map(({ class: kind }) => kind), proposed.map(() => 'draft_product'))
  t.strictSame(output.proposals.map(({ handle }) => `draft:${handle}`), proposed.map(({ key }) => key))
  const scores = output.ranking.map(({ score }) => score)
  t.strictSame(scores, [...scores].sort((a, b) => b - a))
  const wraps = proposed.find(({ key }) => key === 'draft:cooling-ice-wraps')!
  const [item] = wraps.items as Array<EffectItem<'draft_product'>>
  t.match(item, { price: '19.95', unit_cost: '6.50', vendor: 'Nordic Tack', sku: 'A', tags: ['reo:candidate'] })
  t.equal(item!.description_html, '<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>\n<p>Cools &amp; dries.</p>')
  t.match(wraps.rationale[0], /^Score [\d.]+ = 0\.35 x [\d.]+ \(margin\) \+ 0\.25 x .+ - 0\.3 x [\d.]+ \(similarity\)\.$/)
  t.ok(wraps.rationale.some((line) => /the least quantity of 50 costs 325\.00 EUR, about \d+ weeks/.test(line)))
  t.match(wraps.evidence, { as_of: '2026-11-24T18:00:00.000Z', list_row: 1 })
  t.equal(wraps.expected_gain, null)
  const summary = productResearch.summarise(output)
  t.match(summary, /^5 candidates ranked, \d drafts? proposed\. The best is “.+” with [\d.]+, at [\d.]+ EUR\. /)
  t.match(summary, / 2 candidates sold already, 0 rows not usable\./)

  t.equal((await run(rows, { most: 1, least_score: 0 })).proposed.length, 1)
  t.equal((await run(rows, { least_score: 1 })).proposed.length, 0)
  const dear = await run([row({ unit_cost: '30.00', title: 'Cooling Ice Wraps' })], { least_score: 0 }, { terms: { minimum_margin: '0.3', vat: '0.19' } })
  const [raised] = dear.proposed[0]!.items as Array<EffectItem<'draft_product'>>
  t.equal(raised!.price, '51.85', '(30.50) x 1.19 / 0.7')
  t.ok(dear.proposed[0]!.rationale.some((line) => line.includes('the floor, as the suggested 19.95 is below it')))
})

t.test('the ranking as CSV, in which nothing runs', async (t) => {
  const { output } = await run([row({ title: '=HYPERLINK("http://x.example")', sku: '@A', vendor: 'a, "b"' })])
  const text = productResearch.csv!(output)
  const [header, line] = text.split('\r\n')
  t.match(header, /^rank,score,sku,title,type,supplier,landed,price,floor,/)
  t.match(line, /^1,[\d.]+,'@A,"'=HYPERLINK\(""http:\/\/x\.example""\)",Hoof Care,"a, ""b""",6\.50,/)
  t.equal(line!.split(',').length - 1, header!.split(',').length, 'as many cells as columns: one of them holds a comma')
})

t.test('csv: cells are escaped, formulas are text, negative amounts stay numbers', (t) => {
  const cell = (value: string | number | boolean | null): string => csvOf(['a'], [[value]]).split('\r\n').slice(1, -1).join('\r\n')
  for (const [value, expected] of [
    ['plain', 'plain'], ['a,b', '"a,b"'], ['a;b', '"a;b"'], ['say "hi"', '"say ""hi"""'], ['two\nlines', '"two\nlines"'], [null, ''], ['', ''], [0, '0'],
    [-1.5, '-1.5'], ['-12.50', '-12.50'], [true, 'true'], ['=1+1', "'=1+1"], ['+49 30', "'+49 30"], ['-1+cmd', "'-1+cmd"], ['@SUM(A1)', "'@SUM(A1)"],
    [' =1', "' =1"], ['\t=1', '"\'\t=1"'], ['\r=1', '"\'\r=1"'], ['\u200B=1', "'\u200B=1"], ['＝1', "'＝1"], ['a=1', 'a=1']
  ] as const) t.equal(cell(value), expected, JSON.stringify(value))
  t.equal(csvOf(['=a', 'b'], []), "'=a,b\r\n")
  t.end()
})

t.test('handles are addresses', (t) => {
  t.equal(handleOf('Größe: Élan & Co. – 2'), 'grosse-elan-co-2')
  t.equal(handleOf('---'), '')
  t.match(handleOf(`${'a'.repeat(119)} b`), /^[a-z0-9]+(-[a-z0-9]+)*$/)
  t.end()
})

t.test('without a shop it says so', async (t) => {
  const { context } = contextOf({})
  await t.rejects(async () => productResearch.run(context, {}), { code: 'shop_not_configured' })
})
