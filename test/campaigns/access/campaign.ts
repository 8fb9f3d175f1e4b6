// The campaign: every route with every state of a credential and, where it takes an id, with one's own, a foreign and a missing one; each answer is
// held against the written table.
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { Agent, request as send, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import pino from 'pino'
import { buildApp } from '../../../src/app.ts'
import { loadConfig } from '../../../src/config/index.ts'
import type { AccessEntry } from '../../../src/core/access.ts'
import { newId } from '../../../src/core/ids.ts'
import { newReplyJob } from '../../../src/core/replies.ts'
import { createDice } from '../kill/random.ts'
import { statesOf, type State } from './states.ts'
import { reaches, readWritten, type Written } from './written.ts'

export interface CampaignOptions {
  seed: number
  /** How often everything is gone through. */
  rounds: number
  /** In the place of the table that the server goes by. */
  table?: Readonly<Record<string, AccessEntry>>
}

export interface CampaignResult {
  routes: number
  states: number
  requests: number
  /** Decisions that are not those of the written table, and differences between a foreign id and a missing one. */
  wrong: string[]
  seconds: number
}

type Whose = 'own' | 'foreign' | 'missing'

interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: string
}

interface Route {
  method: string
  pattern: string
}

const REFUSALS = new Set([401, 403])
const SOMEBODY = 'key:somebody-else'

export const runCampaign = async ({ seed, rounds, table }: CampaignOptions): Promise<CampaignResult> => {
  const begun = performance.now()
  const dice = createDice(seed)
  const { app, routes } = await openApp(table)
  const agent = new Agent({ keepAlive: true, maxSockets: 8 })
  const result: CampaignResult = { routes: routes.length, states: 0, requests: 0, wrong: [], seconds: 0 }
  try {
    const written = readWritten()
    const states = await statesOf(app, dice)
    result.states = states.length
    await app.listen({ host: '127.0.0.1', port: 0 })
    const { port } = app.server.address() as AddressInfo
    const ask = (route: Route, state: State, ids: Ids, body: object): Promise<Answer> => {
      result.requests += 1
      return answerOf(port, agent, { method: route.method, path: pathOf(route, ids, state.query, dice.below(2) === 0), headers: state.headers, body })
    }
    for (const { method, pattern } of written) {
      if (!routes.some((route) => route.method === method && route.pattern === pattern)) result.wrong.push(`${method} ${pattern}: there is no such route`)
    }
    for (let round = 0; round < rounds; round++) {
      for (const route of routes) {
        const entry = written.find(({ method, pattern }) => method === (route.method === 'HEAD' ? 'GET' : route.method) && pattern === route.pattern)
        if (entry === undefined) {
          result.wrong.push(`${route.method} ${route.pattern} is not in the written table`)
          continue
        }
        for (const state of states) result.wrong.push(...await judgeState(app, route, entry, state, ask))
      }
    }
  } finally {
    agent.destroy()
    await app.close()
  }
  return { ...result, seconds: (performance.now() - begun) / 1000 }
}

type Ask = (route: Route, state: State, ids: Ids, body: object) => Promise<Answer>

const judgeState = async (app: FastifyInstance, route: Route, entry: Written, state: State, ask: Ask): Promise<string[]> => {
  const wrong: string[] = []
  const name = `${route.method} ${route.pattern}, ${state.name}`
  const answers = new Map<Whose, Answer>()
  for (const whose of takesIds(route) ? ['own', 'foreign', 'missing'] as const : ['missing'] as const) {
    const ids = await idsOf(app, whose, state.holder?.id ?? SOMEBODY)
    const answer = await ask(route, state, ids, bodyOf(route, ids))
    answers.set(whose, anonymous(answer, ids))
    const fault = faultOf(answer, entry.need, entry.scope, state)
    if (fault !== undefined) wrong.push(`${name}, ${whose}: ${fault}`)
  }
  for (const [field, role] of Object.entries(entry.fields)) {
    const answer = await ask(route, state, await idsOf(app, 'missing', SOMEBODY), { [field]: 'x' })
    const fault = faultOf(answer, reaches(role, entry.need) ? role : entry.need, entry.scope, state)
    if (fault !== undefined) wrong.push(`${name}, with ${field}: ${fault}`)
  }
  const { own, foreign, missing } = Object.fromEntries(answers) as Partial<Record<Whose, Answer>>
  if (own === undefined || foreign === undefined || missing === undefined || state.holder === undefined) return wrong
  if (refused(entry.need, entry.scope, state.holder) !== undefined) return wrong
  if (missing.status !== 404) wrong.push(`${name}: ${missing.status} for an id that is not there`)
  const isMissing = ({ status, body }: Answer): boolean => status === missing.status && body === missing.body
  const all = `own ${own.status} ${own.body}, foreign ${foreign.status} ${foreign.body}, missing ${missing.status} ${missing.body}`
  const seesAll = state.holder.role === 'admin'
  if (!seesAll && !isMissing(foreign)) wrong.push(`${name}: a foreign one shows: ${all}`)
  // A HEAD has no body by which to tell a job without an output from none.
  if (route.method !== 'HEAD' && (isMissing(own) || (seesAll && isMissing(foreign)))) wrong.push(`${name}: what is there is not found: ${all}`)
  return wrong
}

/** The status with which the table refuses a holder; undefined: it lets them in. */
const refused = (need: string, scope: string | undefined, { role, scopes }: NonNullable<State['holder']>): 403 | undefined => {
  if (need === 'open') return undefined
  return reaches(role, need) && (scopes === null || scope === undefined || (scopes as readonly string[]).includes(scope)) ? undefined : 403
}

const faultOf = ({ status, headers, body }: Answer, need: string, scope: string | undefined, { code, holder }: State): string | undefined => {
  const isRefused = REFUSALS.has(status) && headers['www-authenticate'] !== undefined
  const wanted = need === 'open' ? undefined : code === undefined ? refused(need, scope, holder!) : 401
  if (wanted === undefined) return isRefused || REFUSALS.has(status) ? `refused with ${status} ${body}` : undefined
  if (!isRefused || status !== wanted) return `${status} instead of ${wanted} ${body.slice(0, 200)}`
  if (body === '') return undefined
  const said = (JSON.parse(body) as { code: string }).code
  return said === (code ?? 'forbidden') ? undefined : `${said} instead of ${code ?? 'forbidden'}`
}

interface Ids {
  session: string
  job: string
}

const takesIds = ({ pattern }: Route): boolean => /^\/jobs\/:id|:session_id/.test(pattern) || pattern === '/agents/message' || pattern === '/agents/stream'

/** A session with a reply that waits, of this holder or of somebody else; or ids of nothing. */
const idsOf = async ({ orchestrator: { store } }: FastifyInstance, whose: Whose, holder: string): Promise<Ids> => {
  const [session, message] = [newId(), newId()]
  const job = newReplyJob({ session_id: session, reply_to: message, strategy: 'enqueue', now: Date.now() })
  if (whose !== 'missing') {
    await store.createSession({ id: session, now: Date.now(), owner: whose === 'own' ? holder : SOMEBODY })
    await store.addMessage({
      id: message, session_id: session, role: 'user', content: 'x', now: Date.now(), reply: { job, strategy: 'enqueue', max_queued: 9 }
    })
  }
  return { session, job: job.id }
}

const pathOf = ({ pattern }: Route, { session, job }: Ids, query: string | undefined, prefixed: boolean): string => {
  const path = pattern
    .replace(':session_id', session)
    .replace(':id', pattern.startsWith('/jobs/') ? job : newId())
    .replace(/:\w+/, 'nothing')
    .replace('*', 'nothing.js')
  const parameters = [...pattern === '/agents/stream' ? [`session_id=${session}`] : [], ...query === undefined ? [] : [query]]
  return `${prefixed ? '/api' : ''}${path}${parameters.length === 0 ? '' : `?${parameters.join('&')}`}`
}

/** Of nothing else: whoever is let in changes nothing with it. */
const bodyOf = ({ pattern }: Route, { session }: Ids): object =>
  pattern === '/agents/message' ? { session_id: session, role: 'assistant', content: 'x' } : {}

/** Without what differs from one request to the next. */
const anonymous = ({ status, headers, body }: Answer, { session, job }: Ids): Answer =>
  ({ status, headers, body: body.replaceAll(session, 'ID').replaceAll(job, 'ID').replace(/"request_id":"[^"]*"/, '').replace('/api/', '/') })

const answerOf = (
  port: number, agent: Agent, { method, path, headers, body }: { method: string, path: string, headers: string[], body: object }
): Promise<Answer> => new Promise((resolve, reject) => {
  const text = method === 'GET' || method === 'HEAD' ? '' : JSON.stringify(body)
  const all = ['host', `127.0.0.1:${port}`, ...headers, ...text === '' ? [] : ['content-type', 'application/json', 'content-length', String(text.length)]]
  const outgoing = send({ port, host: '127.0.0.1', agent, method, path, headers: all }, (response) => {
    const answer = { status: response.statusCode!, headers: response.headers }
    // A stream has said all that matters here.
    if (response.headers['content-type']?.startsWith('text/event-stream') === true) {
      response.destroy()
      resolve({ ...answer, body: '' })
      return
    }
    const chunks: Buffer[] = []
    response.on('data', (chunk: Buffer) => chunks.push(chunk))
    response.on('end', () => { resolve({ ...answer, body: Buffer.concat(chunks).toString() }) })
    response.on('error', reject)
  })
  outgoing.on('error', reject)
  outgoing.end(text)
})

/** The app with the list of its routes, taken down as they are registered. */
const openApp = async (table: CampaignOptions['table']): Promise<{ app: FastifyInstance, routes: Route[] }> => {
  const routes: Route[] = []
  const listen = (message: unknown): void => {
    const { fastify } = message as { fastify: FastifyInstance }
    fastify.addHook('onRoute', ({ method, url }) => {
      for (const one of [method].flat()) routes.push({ method: one, pattern: url })
    })
  }
  subscribe('fastify.initialization', listen)
  try {
    const { config } = loadConfig({ NODE_ENV: 'testing', AUTH: 'required' })
    const app = await buildApp(config, pino({ level: 'silent' }), { upstreams: { list: [] }, ...(table === undefined ? {} : { access: table }) })
    return { app, routes }
  } finally {
    unsubscribe('fastify.initialization', listen)
  }
}
