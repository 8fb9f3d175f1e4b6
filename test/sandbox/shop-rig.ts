// The sandbox's shop behind its Shopify wire on loopback, with a clock that is set by hand.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { generateShop } from '../../sandbox/shop/generate.ts'
import type { Shop } from '../../sandbox/shop/shop.ts'
import { createShopifySandbox, type ShopifySandboxOptions } from '../../sandbox/shopify/index.ts'

export const TODAY = '2026-11-24'
export const EVENING = Date.parse('2026-11-24T18:00:00Z')

/** Answers of a foreign API, looked into by hand. */
type Loose = any

export interface Answer {
  status: number
  headers: Headers
  data: Loose
  errors: Loose
  extensions: Loose
}

export const serve = async (t: Test, options: Partial<ShopifySandboxOptions> = {}) => {
  const time = { now: EVENING }
  const shop: Shop = options.shop ?? generateShop({ today: TODAY })
  const sandbox = createShopifySandbox({ shop, now: () => time.now, bucket: { maximum: 1e9, restoreRate: 1e9 }, ...options })
  const faults: unknown[] = []
  const server = createServer((request, response) => {
    sandbox.handle(request, response).catch((error: unknown) => {
      faults.push(error)
      response.destroy()
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
    sandbox.close()
  })
  const ask = async (query: string, variables: object = {}, { token = 'shpat_sandbox', version = '2026-10' } = {}): Promise<Answer> => {
    const response = await fetch(`${url}/admin/api/${version}/graphql.json`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-shopify-access-token': token },
      body: JSON.stringify({ query, variables })
    })
    const body = await response.json() as Omit<Answer, 'status' | 'headers'>
    return { status: response.status, headers: response.headers, data: body.data, errors: body.errors, extensions: body.extensions }
  }
  /** The data of a query that has to succeed. */
  const data = async (query: string, variables: object = {}): Promise<Loose> => {
    const answer = await ask(query, variables)
    if (answer.errors !== undefined) throw new Error(JSON.stringify(answer.errors))
    return answer.data
  }
  /** All nodes of a list, page by page. */
  const list = async (query: string, variables: Record<string, unknown> = {}, between: () => void = () => {}): Promise<Loose[]> => {
    const nodes: Loose[] = []
    for (let after: string | null = null; ;) {
      const page: Loose = Object.values(await data(query, { ...variables, after }))[0]
      nodes.push(...page.nodes)
      if (!page.pageInfo.hasNextPage) return nodes
      after = page.pageInfo.endCursor
      between()
    }
  }
  return { shop, sandbox, time, url, ask, data, list, faults }
}
