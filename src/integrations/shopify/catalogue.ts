// Reads variants with price, cost and stock, products by handle, and metafields.
import type { CallOptions, DraftProduct, InventoryLevel, ListOptions, Metafield, Variant, VariantFilter } from '../../core/commerce.ts'
import { CommerceError } from '../../core/commerce-error.ts'
import { bulkRows } from './bulk-rows.ts'
import type { InventoryLevelsQuery, MetafieldsQuery, ProductByHandleQuery, VariantsQuery } from './operations.ts'
import { pages, rest } from './paging.ts'
import { chunks, money, stamp, time, timeOrNull, type Reader } from './read.ts'
import { variantSearch } from './search.ts'

type Node = VariantsQuery['productVariants']['nodes'][number]
type LevelNode = NonNullable<InventoryLevelsQuery['inventoryItem']>['inventoryLevels']['nodes'][number]
type BareNode = Omit<Node, 'inventoryItem'> & { inventoryItem: Omit<Node['inventoryItem'], 'inventoryLevels'> }

const LEVELS_PAGE = 50
/** Of one question by ids. Shopify takes 250; each variant is paid for with all its possible levels. */
const VARIANTS_AT_ONCE = 30
const OWNERS_AT_ONCE = 100

export async function * readVariants (reader: Reader, filter: VariantFilter, { signal, bulk = false }: ListOptions): AsyncGenerator<Variant> {
  const call = { lane: reader.lane, signal }
  const query = variantSearch(filter)
  const currency = await reader.currency(signal)
  if (bulk) {
    const rows = bulkRows('BulkVariants')
    for await (const { node, children } of reader.bulk.run('BulkVariants', query, call)) {
      yield variantOf(reader, rows.root<BareNode>(node), rows.children<LevelNode>(children), currency, reader.clock.now())
    }
    return
  }
  for await (const { nodes, read_at: readAt } of pages(reader, 'Variants', async (first, after) => {
    const { data, ...meta } = await reader.graphql.execute('Variants', { first, after, query }, call)
    return { page: data.productVariants, ...meta }
  })) {
    for (const node of nodes) yield variantOf(reader, node, await levelsOf(reader, node, signal), currency, readAt)
  }
}

/** In the order of the ids. @throws CommerceError `shop_not_found` */
export const readVariantsById = async (reader: Reader, ids: string[], { signal }: CallOptions): Promise<Variant[]> => {
  const currency = await reader.currency(signal)
  const variants: Variant[] = []
  for (const some of chunks(ids, VARIANTS_AT_ONCE)) {
    const { data: { nodes }, read_at: readAt } = await reader.graphql.execute('VariantsById', { ids: some }, { lane: reader.lane, signal })
    for (const [index, id] of some.entries()) {
      const node = nodes[index]
      if (node == null || !('inventoryItem' in node)) throw new CommerceError('shop_not_found', `The shop has no variant ${id}.`)
      variants.push(variantOf(reader, node, await levelsOf(reader, node, signal), currency, readAt))
    }
  }
  return variants
}

export const readProductByHandle = async (reader: Reader, handle: string, { signal }: CallOptions): Promise<DraftProduct | null> => {
  const { data: { productByIdentifier: product }, read_at: readAt } =
    await reader.graphql.execute('ProductByHandle', { handle }, { lane: reader.lane, signal })
  return product === null ? null : productOf(reader, product, readAt)
}

/** Of a product that is made with one variant. */
export const productOf = (
  reader: Pick<Reader, 'source'>, { id, handle, status, variants }: NonNullable<ProductByHandleQuery['productByIdentifier']>, readAt: number
): DraftProduct => {
  const [variant] = variants.nodes
  if (variant === undefined) throw new CommerceError('shop_answer_invalid', `Product ${handle} comes without a variant.`)
  return { id, handle, status, variant_id: variant.id, ...stamp(reader, readAt) }
}

export const readMetafields = async (
  reader: Reader, ownerIds: string[], { namespace, key }: { namespace: string, key: string }, { signal }: CallOptions
): Promise<Metafield[]> => {
  const found: Metafield[] = []
  for (const ids of chunks(ownerIds, OWNERS_AT_ONCE)) {
    const { data: { nodes }, read_at: readAt } = await reader.graphql.execute('Metafields', { ids, namespace, key }, { lane: reader.lane, signal })
    for (const node of nodes) {
      if (node !== null && 'metafield' in node && node.metafield !== null) found.push(metafieldOf(reader, node.id, node.metafield, readAt))
    }
  }
  return found
}

type MetafieldNode = NonNullable<Extract<NonNullable<MetafieldsQuery['nodes'][number]>, { metafield: unknown }>['metafield']>

export const metafieldOf = (
  reader: Pick<Reader, 'source'>, ownerId: string, { namespace, key, type, value, compareDigest }: MetafieldNode, readAt: number
): Metafield => ({ owner_id: ownerId, namespace, key, type, value, digest: compareDigest, ...stamp(reader, readAt) })

async function levelsOf (reader: Reader, { inventoryItem: item }: Node, signal: AbortSignal): Promise<LevelNode[]> {
  const levels: LevelNode[] = []
  const more = rest(item.inventoryLevels, LEVELS_PAGE, async (first, after) => {
    const { data } = await reader.graphql.execute('InventoryLevels', { id: item.id, first, after }, { lane: reader.lane, signal })
    if (data.inventoryItem === null) throw new CommerceError('shop_conflict', 'A variant was deleted while it was read.')
    return data.inventoryItem.inventoryLevels
  })
  for await (const level of more) levels.push(level)
  return levels
}

function variantOf (reader: Reader, node: BareNode, levels: LevelNode[], currency: string, readAt: number): Variant {
  const { product, inventoryItem: item } = node
  return {
    id: node.id,
    product_id: product.id,
    product_title: product.title,
    title: node.title,
    sku: node.sku,
    price: { amount: node.price, currency },
    compare_at_price: node.compareAtPrice === null ? null : { amount: node.compareAtPrice, currency },
    unit_cost: item.unitCost === null ? null : money(item.unitCost),
    inventory_item_id: item.id,
    tracked: item.tracked,
    sells_when_out_of_stock: node.inventoryPolicy === 'CONTINUE',
    levels: levels.map(levelOf),
    status: product.status,
    published_at: timeOrNull(product.publishedAt),
    product_type: product.productType,
    vendor: product.vendor,
    tags: product.tags,
    created_at: time(node.createdAt),
    updated_at: time(node.updatedAt),
    ...stamp(reader, readAt)
  }
}

function levelOf ({ location, quantities }: LevelNode): InventoryLevel {
  const quantity = (name: string): number => {
    const found = quantities.find((own) => own.name === name)
    if (found === undefined) throw new CommerceError('shop_answer_invalid', `A stock level comes without its quantity "${name}".`)
    return found.quantity
  }
  return {
    location_id: location.id, available: quantity('available'), on_hand: quantity('on_hand'), committed: quantity('committed'), incoming: quantity('incoming')
  }
}
