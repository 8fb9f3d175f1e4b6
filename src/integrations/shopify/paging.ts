// Walks through connections page by page, with pages as large as the query budget makes sensible.
import { CommerceError } from '../../core/commerce-error.ts'
import type { OperationName } from './documents/index.ts'
import { CostTooHighError, type ShopGraphQL } from './graphql.ts'

export interface Page<Node> {
  pageInfo: { hasNextPage: boolean, endCursor: string | null }
  nodes: Node[]
}

export interface Fetched<Node> {
  page: Page<Node>
  read_at: number
}

// A page may cost what leaves room for others in the bucket of the smallest plan; the shop itself refuses more than 1,000 for one query.
const TARGET_COST = 750

/**
 * The nodes in order, each with the time at which it was read. Pages are as large as what is known of their cost allows, at most `largest`.
 * @throws what `fetch` throws; CommerceError `shop_answer_invalid` when the list does not go on.
 */
export async function * pages<Node> (
  { graphql }: { graphql: Pick<ShopGraphQL, 'pageSize'> }, name: OperationName, fetch: (first: number, after: string | null) => Promise<Fetched<Node>>,
  largest = Infinity
): AsyncGenerator<{ nodes: Node[], read_at: number }> {
  let after: string | null = null
  for (;;) {
    const first = Math.min(largest, graphql.pageSize(name, TARGET_COST))
    let fetched: Fetched<Node>
    try {
      fetched = await fetch(first, after)
    } catch (error) {
      if (!(error instanceof CostTooHighError) || first === 1) throw error
      // Remembered, or every other page would be refused.
      largest = Math.floor(first / 2)
      continue
    }
    const { page, read_at: readAt } = fetched
    yield { nodes: page.nodes, read_at: readAt }
    if (!page.pageInfo.hasNextPage) return
    // A cursor that stands still would be read for ever.
    if (page.pageInfo.endCursor === null || page.pageInfo.endCursor === after) throw stuck()
    after = page.pageInfo.endCursor
  }
}

/** The rest of a list whose first page came with its owner. */
export async function * rest<Node> (begun: Page<Node>, size: number, fetch: (first: number, after: string) => Promise<Page<Node>>): AsyncGenerator<Node> {
  yield * begun.nodes
  let page = begun
  while (page.pageInfo.hasNextPage) {
    const after = page.pageInfo.endCursor
    if (after === null) throw stuck()
    page = await fetch(size, after)
    if (page.pageInfo.hasNextPage && page.pageInfo.endCursor === after) throw stuck()
    yield * page.nodes
  }
}

const stuck = (): CommerceError => new CommerceError('shop_answer_invalid', 'The shop says that a list goes on, but not where.')
