// Stands between the server and the sandbox's shop and outlives every server: it notes each change that the shop took.
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Mutation {
  operation: string
  variables: string
  /** The shop took it: no errors in its answer. */
  taken: boolean
}

export interface ShopProxy {
  address: string
  mutations: Mutation[]
  /** No request is under way any more. */
  quiet (): Promise<void>
  close (): Promise<void>
}

export const startShopProxy = async (target: string): Promise<ShopProxy> => {
  const mutations: Mutation[] = []
  let underWay = 0
  const server = createServer((request, response) => {
    underWay += 1
    forward(target, request, mutations).then(({ status, headers, body }) => {
      if (!response.destroyed) response.writeHead(status, headers).end(body)
    }, () => { response.destroy() }).finally(() => { underWay -= 1 })
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    mutations,
    async quiet () {
      const isQuiet = (): boolean => underWay === 0
      while (!isQuiet()) await new Promise((resolve) => { setTimeout(resolve, 5) })
    },
    close: () => new Promise((resolve) => {
      server.close(() => { resolve() })
      server.closeAllConnections()
    })
  }
}

const forward = async (target: string, request: IncomingMessage, mutations: Mutation[]) => {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece as Buffer)
  const sent = Buffer.concat(pieces).toString()
  const {
    host: _host, connection: _connection, 'content-length': _length, 'accept-encoding': _encoding, 'transfer-encoding': _transfer,
    ...headers
  } = request.headers
  // A caller that is gone by now has sent it all the same.
  const answer = await fetch(target + (request.url ?? '/'),
    { method: request.method ?? 'GET', headers: headers as Record<string, string>, ...(sent === '' ? {} : { body: sent }) })
  const body = await answer.text()
  const { query = '', operationName = '', variables } = (sent === '' ? {} : JSON.parse(sent)) as { query?: string, operationName?: string, variables?: unknown }
  if (query.trimStart().startsWith('mutation')) {
    const { errors, data } = JSON.parse(body) as { errors?: unknown[], data?: Record<string, { userErrors?: unknown[] } | null> }
    const payloads = Object.values(data ?? {})
    const taken = errors === undefined && payloads.length > 0 && payloads.every((one) => one !== null && (one.userErrors ?? []).length === 0)
    mutations.push({ operation: operationName, variables: JSON.stringify(variables), taken })
  }
  const type = answer.headers.get('content-type') ?? 'application/json'
  return { status: answer.status, headers: { 'content-type': type }, body }
}
