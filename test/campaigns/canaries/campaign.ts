// The campaign: a secret of its own in every setting and every input that can hold one, then every route asked, and a look for them in everything that
// left the server: answers, log, metrics, a stream, and what was sent to a webhook.
import { createHmac, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Type } from '@sinclair/typebox'
import { createLogger } from '../../../plugins/logger.ts'
import { buildApp } from '../../../src/app.ts'
import { loadConfig } from '../../../src/config/index.ts'
import { settings } from '../../../src/config/settings.ts'
import { defineAgent } from '../../../src/core/agent.ts'

export interface CampaignResult {
  canaries: number
  /** Answers, lines of the log, and messages that were looked through. */
  looked: number
  /** `<canary> in <where>` */
  found: string[]
}

/** It would choose another engine; what is shown of it is masked by the store itself. */
const LEFT_OUT: ReadonlySet<string> = new Set(['DATABASE_URL'])
const HEADERS = ['authorization', 'cookie', 'x-api-key', 'proxy-authorization', 'x-shopify-access-token', 'x-hub-signature-256', 'x-shopify-hmac-sha256']
const QUERY = ['token', 'api_key', 'access_token', 'hmac', 'code']
const SETTLE_MS = 50
const MOST_WAITS = 100

/** `leaky`: an agent tells a setting in its description: the campaign has to find it. */
export const runCampaign = async ({ leaky = false }: { leaky?: boolean } = {}): Promise<CampaignResult> => {
  const canaries = new Map<string, string>()
  const plant = (name: string): string => {
    const canary = `canary${randomBytes(12).toString('hex')}`
    canaries.set(canaries.has(name) ? `${name} ${canaries.size}` : name, canary)
    return canary
  }
  const environment: Record<string, string> = {
    NODE_ENV: 'testing', BACKGROUND_WORK: 'true', LOG_LEVEL: 'trace', WEBHOOK_ALLOW_PRIVATE: 'true', SHOP_NAME: 'shop'
  }
  for (const [name, { secret, format }] of settings) {
    if (secret !== true || LEFT_OUT.has(name)) continue
    environment[name] = format === undefined ? plant(name) : `https://user:${plant(name)}@db.example.com/0`
  }
  const secrets = [...canaries.values()].join(' ')
  const failing = defineAgent({
    name: 'failing',
    description: leaky ? `Knows ${canaries.get('OPENAI_API_KEY')!}.` : 'Throws what it knows.',
    input: Type.Object({}),
    output: Type.Object({}),
    triggers: { events: ['tell'] },
    maxAttempts: 1,
    summarise: () => '',
    async run ({ log }) {
      log.info({ text: secrets }, secrets)
      throw new Error(secrets, { cause: new Error(secrets) })
    }
  })
  const left: Array<{ where: string, text: string }> = []
  const { config, ...known } = loadConfig(environment)
  const logger = createLogger(config, { write (line: string) { left.push({ where: 'the log', text: line }) } })
  const app = await buildApp(config, logger, { settings: known, agents: [failing], upstreams: { list: [] } })
  const origin = await app.listen({ host: '127.0.0.1', port: 0 })
  const receiver = createServer((request, response) => {
    request.setEncoding('utf8').on('data', (text: string) => { left.push({ where: 'a webhook', text: JSON.stringify(request.headers) + text }) })
    request.on('end', () => { response.end() })
  }).listen(0, '127.0.0.1')
  await once(receiver, 'listening')

  const ask = async (method: string, path: string, { body, headers = {} }: { body?: string, headers?: Record<string, string> } = {}): Promise<string> => {
    const type: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' }
    const answer = await fetch(origin + path, { method, headers: { ...type, ...headers }, body: body ?? null })
    return `${JSON.stringify([...answer.headers])}${await answer.text()}`
  }
  const look = async (method: string, path: string, more?: Parameters<typeof ask>[2]): Promise<string> => {
    const text = await ask(method, path, more)
    left.push({ where: `${method} ${path.split('?')[0]!}`, text })
    return text
  }
  const stream = new AbortController()
  try {
    const tail = fetch(`${origin}/stream`, { signal: stream.signal }).then(async (answer) => {
      for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) left.push({ where: 'the stream', text: chunk })
    }).catch(() => {})
    // The secret of an endpoint is shown once, where it is made: that answer is not looked through.
    const { port } = receiver.address() as AddressInfo
    const endpoint = { url: `http://127.0.0.1:${port}/?key=${plant('key of a receiver')}`, events: ['*'] }
    const made = bodyOf(await ask('POST', '/webhooks/endpoints', { body: JSON.stringify(endpoint) })) as { id: string, secret: string }
    canaries.set('secret of an endpoint', made.secret)
    await look('POST', `/webhooks/endpoints/${made.id}/ping`)

    // Inputs: credentials on every kind of request, bodies that are refused, webhooks that tell of people.
    const headers = Object.fromEntries(HEADERS.map((name) => [name, `Bearer ${plant(`header ${name}`)}`]))
    const query = QUERY.map((name) => `${name}=${plant(`query ${name}`)}`).join('&')
    const hidden = JSON.stringify({ role: 'user', content: 5, password: plant('body that does not fit') })
    for (const asked of ['GET /', 'GET /jobs', 'GET /nothing', 'POST /agents/message', 'POST /events', 'DELETE /feeds/x']) {
      const [method, path] = asked.split(' ') as [string, string]
      await look(method, `${path}?${query}`, { headers, ...(method === 'POST' ? { body: hidden } : {}) })
    }
    await look('POST', '/events', { body: `{"event_type": "${plant('body that is no JSON')}` })
    const order = (topic: string, id: string, body: object): Promise<string> => {
      const text = JSON.stringify(body)
      const hmac = createHmac('sha256', canaries.get('SHOPIFY_WEBHOOK_SECRET')!).update(text).digest('base64')
      const sent = { 'x-shopify-topic': topic, 'x-shopify-webhook-id': id, 'x-shopify-shop-domain': 'shop.myshopify.com', 'x-shopify-hmac-sha256': hmac }
      return look('POST', '/webhooks/shopify', { body: text, headers: sent })
    }
    const person = () => ({
      id: 7, email: `${plant('email of a webhook')}@example.com`, phone: plant('phone of a webhook'), first_name: plant('name of a webhook')
    })
    await order('orders/create', 'c-1', { ...person(), customer: person(), shipping_address: person(), note: plant('note of an order') })
    await order('customers/redact', 'c-2', { customer: person() })
    await order('customers/data_request', 'c-3', { customer: person() })
    await look('POST', '/privacy/requests', { body: JSON.stringify({ kind: 'redact', names: [plant('name of a request')] }) })
    // An agent that throws all it knows: job, event, stream and webhook tell of the failure.
    await look('POST', '/events', { body: JSON.stringify({ event_type: 'tell' }) })
    for (let wait = 0; wait < MOST_WAITS; wait++) {
      const { jobs } = await app.orchestrator.store.stats()
      if (jobs.every(({ status, count }) => count === 0 || (status !== 'queued' && status !== 'running'))) break
      await sleep(SETTLE_MS)
    }
    // Everything that can be read without knowing more than a list tells.
    const document = bodyOf(await ask('GET', '/docs/json')) as { paths: Record<string, Record<string, unknown>> }
    const jobs = (await app.orchestrator.store.listJobs({}, { limit: 100 })).items
    for (const [path, methods] of Object.entries(document.paths)) {
      if (!('get' in methods) || path === '/stream' || path === '/agents/stream') continue
      // The URL of an endpoint is the owner's own to see; a receiver's key may stand in it.
      if (path.startsWith('/webhooks/endpoints') && !path.endsWith('/deliveries')) continue
      const ids = path.startsWith('/jobs/') ? jobs.map(({ id }) => id) : [path.startsWith('/webhooks/') ? made.id : 'failing']
      for (const id of ids) await look('GET', path.replace(/\{\w+\}/, id).replaceAll(/\{\w+\}/g, 'x'))
    }
    await sleep(SETTLE_MS)
    stream.abort()
    await tail
  } finally {
    stream.abort()
    receiver.closeAllConnections()
    receiver.close()
    await app.close()
  }
  const found = new Set<string>()
  for (const { where, text } of left) {
    for (const [name, canary] of canaries) if (text.includes(canary)) found.add(`${name} in ${where}`)
  }
  return { canaries: canaries.size, looked: left.length, found: [...found] }
}

/** Of what `ask` answers: the headers stand before it. */
const bodyOf = (text: string): unknown => JSON.parse(text.slice(text.indexOf(']]{') + 2))
