// Every question and change that we send to Shopify fits its schema, and what is generated from both is up to date.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildSchema, Kind, NoDeprecatedCustomRule, parse, specifiedRules, validate, validateSchema } from 'graphql'
import t from 'tap'
import { ACCESS_PATH, extract, SCHEMA_PATH } from '../../docs/tools/shopify-schema.ts'
import { findStale } from '../../docs/tools/shopify-types.ts'
import { bulkText } from '../../src/integrations/shopify/bulk.ts'
import { BULK_DOCUMENTS, documents } from '../../src/integrations/shopify/documents/index.ts'
import { FACTS } from '../../src/integrations/shopify/facts.ts'
import { missingScopes, NEEDS } from '../../src/integrations/shopify/scopes.ts'
import { faultOfShape } from '../../src/integrations/shopify/shape.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')
const schema = buildSchema(read(SCHEMA_PATH))

const faults = (text: string): string[] => validate(schema, parse(text), [...specifiedRules, NoDeprecatedCustomRule]).map(({ message }) => message)

t.test('each document is one operation of its own name, and valid without deprecated fields', async (t) => {
  t.same(validateSchema(schema), [])
  for (const [name, text] of Object.entries(documents)) {
    t.same(faults(text), [], name)
    const [definition, ...others] = parse(text).definitions
    t.equal(others.length, 0, name)
    t.equal(definition?.kind === Kind.OPERATION_DEFINITION && definition.name?.value, name)
  }
})

t.test('the check finds a field that does not exist, a wrong argument and a deprecated field', async (t) => {
  t.match(faults('{ shop { colour } }'), [/Cannot query field "colour"/])
  t.match(faults('{ orders(limit: 5) { nodes { id } } }'), [/Unknown argument "limit"/])
  t.match(faults('{ order(id: 5) { id name } }'), [])
  const deprecated = buildSchema('type Query { old: String @deprecated(reason: "gone") }')
  t.match(validate(deprecated, parse('{ old }'), [NoDeprecatedCustomRule]).map(({ message }) => message), [/deprecated/])
})

t.test('a bulk operation has its filter written in, keeps to the limits of such operations, and is valid', async (t) => {
  for (const name of BULK_DOCUMENTS) {
    const text = bulkText(name, "tag:'it\\'s $& \"new\"'")
    t.same(faults(text), [], name)
    t.notMatch(text, /\$query/)
    t.match(text, JSON.stringify("tag:'it\\'s $& \"new\"'"))
  }
})

t.test('inventory and refunds carry an idempotency key', async (t) => {
  for (const name of ['SetInventory', 'AdjustInventory', 'CreateRefund'] as const) t.match(documents[name], /@idempotent\(key: \$key\)/, name)
})

t.test('types, shapes and costs are what the schema and the documents make', async (t) => {
  t.same(await findStale(), [], 'run "node docs/tools/shopify-types.ts"')
})

t.test('no query costs more than the shop answers at once', async (t) => {
  for (const [name, { cost }] of Object.entries(FACTS)) t.ok(cost.fixed + cost.perItem <= 1_000, `${name}: ${cost.fixed} + ${cost.perItem} an item`)
})

t.test('the extract is what the full schema gives', {
  skip: process.env.SHOPIFY_INTROSPECTION === undefined && 'give the path of the introspection as SHOPIFY_INTROSPECTION'
}, async (t) => {
  const extracted = extract(process.env.SHOPIFY_INTROSPECTION ?? '')
  t.equal(extracted.schema, read(SCHEMA_PATH))
  t.equal(extracted.access, read(ACCESS_PATH))
})

t.test('the scopes that we ask for open every type that we read and every change that we make', async (t) => {
  const access = JSON.parse(read(ACCESS_PATH)) as Record<string, string[]>
  const asked = new Set(NEEDS.map(({ scopes: [first] }) => first))
  for (const [what, scopes] of Object.entries(access)) t.ok(scopes.some((scope) => asked.has(scope)), `${what} needs one of ${scopes.join(', ')}`)
})

t.test('missing scopes are named with what they are for; a scope to write includes the one to read', async (t) => {
  const all = NEEDS.map(({ scopes: [first] }) => first as string)
  t.same(missingScopes(all), [])
  const writing = all.filter((scope) => scope !== 'read_products' && scope !== 'read_customers')
  t.same(missingScopes(writing), [])
  t.same(missingScopes(all.filter((scope) => !scope.includes('orders'))).map(({ scope }) => scope), [
    'read_orders', 'read_all_orders', 'write_orders', 'read_merchant_managed_fulfillment_orders', 'write_merchant_managed_fulfillment_orders'
  ])
  t.match(missingScopes([]).find(({ scope }) => scope === 'write_discounts')?.features, [/marketing_automation/])
  t.same(missingScopes([...all.filter((scope) => !scope.includes('merchant_managed')), 'write_third_party_fulfillment_orders']), [], 'another way')
})

t.test('an answer of another shape is found out, wherever it is', async (t) => {
  const { shape } = FACTS.Shop
  const shop = {
    id: 'gid://shopify/Shop/1',
    name: 'Shop',
    myshopifyDomain: 'a.myshopify.com',
    currencyCode: 'EUR',
    ianaTimezone: 'Europe/Berlin',
    taxesIncluded: true,
    plan: { publicDisplayName: 'Basic' },
    shopAddress: { countryCodeV2: null }
  }
  t.equal(faultOfShape(shape, { shop, more: 1 }), undefined, 'more than was asked for does no harm')
  for (const [change, says] of [
    [{ currencyCode: null }, 'data.shop.currencyCode: is not String'],
    [{ taxesIncluded: 'yes' }, 'data.shop.taxesIncluded: is not Boolean'],
    [{ plan: [] }, 'data.shop.plan: is not an object'],
    [{ shopAddress: null }, 'data.shop.shopAddress: is not an object']
  ] as const) t.equal(faultOfShape(shape, { shop: { ...shop, ...change } }), says)
  t.equal(faultOfShape(shape, null), 'data: is not an object')
  const { shape: nodes } = FACTS.Metafields
  const metafield = { namespace: 'a', key: 'b', type: 'json', value: '{}', compareDigest: 'c' }
  t.equal(faultOfShape(nodes, { nodes: [null, { __typename: 'Product', id: '1', metafield }, { __typename: 'Shop', id: '2' }] }), undefined)
  t.equal(faultOfShape(nodes, { nodes: [{ __typename: 'Product', id: '1' }] }), 'data.nodes.0.metafield: is not an object')
  t.equal(faultOfShape(nodes, { nodes: {} }), 'data.nodes: is not a list')
  for (const [name, good, bad] of [
    ['Money', '12.50', '1e3'],
    ['DateTime', '2026-01-01T00:00:00Z', 'soon'],
    ['UnsignedInt64', '18446744073709551615', '-1'],
    ['Int', 5, 5.5],
    ['Float', 0.5, '0.5']
  ] as const) {
    t.equal(faultOfShape(name, good), undefined, name)
    t.equal(faultOfShape(name, bad), `data: is not ${name}`)
  }
})
