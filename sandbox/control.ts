// The control API, /_sandbox: what the sandbox is, what reached it, and which faults are set.
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Logger } from '../src/core/log.ts'
import type { ForwardClock } from './clock.ts'
import type { Certificate } from './faults/certificate.ts'
import { parseFault } from './faults/kinds.ts'
import type { FaultPlan, PlannedFault } from './faults/plan.ts'
import { readText, sendJson, urlOf } from './http.ts'
import type { LlmSandbox } from './llm/index.ts'
import { parsePace } from './llm/pace.ts'
import type { RequestLog } from './requests.ts'
import type { Storefront } from './storefront.ts'
import { isUpstream, type SandboxFacts } from './upstreams.ts'

export interface ControlOptions {
  facts: SandboxFacts
  faults: FaultPlan
  requests: RequestLog
  llm: LlmSandbox
  /** Undefined where the sandbox runs no Shopify. */
  storefront: Storefront | undefined
  certificate: Certificate
  clock: ForwardClock
  log: Logger
}

/** Said as the body of a 400. */
class BadRequest extends Error {}

const DEFAULT_LIST = 1_000
const LONGEST_LIST = 50_000
/** 31 days. */
const MOST_FORWARD_MS = 31 * 86_400_000

export const createControl = ({ facts, faults, requests, llm, storefront, certificate, clock, log }: ControlOptions): RequestListener => {
  const shop = (): Storefront => storefront ?? refuse(new Error('this sandbox runs no shopify_api'))
  const routes: Record<string, (request: IncomingMessage, url: URL) => unknown> = {
    'GET /_sandbox': () => ({ ...facts, faults: faults.list().map(show), requests: requests.counts(), pace: llm.pace() }),
    'GET /_sandbox/requests': (_request, url) => ({ requests: requests.list(readFilter(url)), counts: requests.counts() }),
    'DELETE /_sandbox/requests': () => { requests.clear() },
    'GET /_sandbox/faults': () => ({ faults: faults.list().map(show) }),
    async 'POST /_sandbox/faults' (request) {
      const value = await readJson(request)
      // All or none: half a script would be another script.
      const parsed = await Promise.all((Array.isArray(value) ? value : [value]).map(parseFault)).catch(refuse)
      const added = parsed.map((fault) => {
        if (facts.addresses[fault.upstream] === undefined) throw new BadRequest(`this sandbox runs no ${fault.upstream}`)
        return fault
      }).map((fault) => show(faults.add(fault)))
      log.debug({ faults: added }, 'faults set')
      return Array.isArray(value) ? { faults: added } : added[0]
    },
    'DELETE /_sandbox/faults': () => { faults.clear() },
    'GET /_sandbox/llm': () => llm.pace(),
    async 'PUT /_sandbox/llm' (request) {
      const pace = await parsePace(await readJson(request)).catch(refuse)
      llm.setPace(pace)
      return llm.pace()
    },
    'GET /_sandbox/ledger' (_request, url) {
      const range = Object.fromEntries([...url.searchParams].filter(([name]) => name === 'from' || name === 'to'))
      try {
        return shop().ledger(range)
      } catch (error) {
        return refuse(error as Error)
      }
    },
    'GET /_sandbox/report': () => shop().report(),
    'GET /_sandbox/truth': () => shop().truth(),
    'PUT /_sandbox/shop': async (request) => await shop().change(await readJson(request)).catch(refuse),
    async 'POST /_sandbox/clock' (request) {
      const ms = (await readJson(request) as { forward_ms?: unknown } | null)?.forward_ms
      if (!Number.isSafeInteger(ms) || Number(ms) < 0 || Number(ms) > MOST_FORWARD_MS) {
        throw new BadRequest(`forward_ms is a whole number from 0 to ${MOST_FORWARD_MS}`)
      }
      clock.forward(Number(ms))
      return { now: new Date(clock.now()).toISOString() }
    },
    'GET /_sandbox/certificate': () => ({ host: 'another-host.invalid', pem: certificate.cert })
  }

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = urlOf(request)
    if (!isLocal(request)) return sendJson(response, 403, { error: 'The control API answers only to programs on this machine.' })
    const id = /^\/_sandbox\/faults\/(\d+)$/.exec(url.pathname)?.[1]
    if (id !== undefined && request.method === 'DELETE') {
      if (!faults.remove(Number(id))) return sendJson(response, 404, { error: `There is no fault ${id}.` })
      response.writeHead(204).end()
      return
    }
    const route = routes[`${request.method ?? ''} ${url.pathname}`]
    if (route === undefined) return sendJson(response, 404, { error: `There is none of that here. Routes: ${Object.keys(routes).join(', ')}.` })
    try {
      const body = await route(request, url)
      if (body === undefined) response.writeHead(204).end()
      else sendJson(response, request.method === 'POST' ? 201 : 200, body)
    } catch (error) {
      if (!(error instanceof BadRequest)) throw error
      sendJson(response, 400, { error: error.message })
    }
  }
  return (request, response) => {
    answer(request, response).catch((error: unknown) => {
      if (request.socket.destroyed) return
      log.error({ err: String(error) }, 'the control API could not answer')
      response.destroy()
    })
  }
}

const refuse = (error: Error): never => { throw new BadRequest(error.message) }

const show = ({ id, fault, from, until, left, hits }: PlannedFault): object =>
  ({ id, ...fault, from: new Date(from).toISOString(), until: until === null ? null : new Date(until).toISOString(), left, hits })

const readJson = async (request: IncomingMessage): Promise<unknown> => {
  if (!/^application\/json\b/i.test(request.headers['content-type'] ?? '')) throw new BadRequest('the body has to be application/json')
  try {
    return JSON.parse(await readText(request)) as unknown
  } catch {
    throw new BadRequest('the body is no JSON')
  }
}

const readFilter = (url: URL): Parameters<RequestLog['list']>[0] => {
  const upstream = url.searchParams.get('upstream') ?? undefined
  if (upstream !== undefined && upstream !== 'elsewhere' && !isUpstream(upstream)) throw new BadRequest(`${upstream} is no upstream`)
  return { upstream, since: wholeNumber(url, 'since', 0, Number.MAX_SAFE_INTEGER), limit: wholeNumber(url, 'limit', DEFAULT_LIST, LONGEST_LIST) }
}

const wholeNumber = (url: URL, name: string, fallback: number, most: number): number => {
  const text = url.searchParams.get(name)
  if (text === null) return fallback
  const value = Number(text)
  if (!Number.isInteger(value) || value < 0 || value > most) throw new BadRequest(`${name} is a whole number from 0 to ${most}`)
  return value
}

/** A page in a browser on this machine can reach the port: it sends an Origin, and after a rebinding of its name another Host. */
const isLocal = ({ headers }: IncomingMessage): boolean =>
  headers.origin === undefined && /^(?:127\.0\.0\.1|localhost)(?::\d+)?$/.test(headers.host ?? '')
