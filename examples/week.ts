// A week in the life of a shop, in a minute or two: the real service against the sandbox, driven over HTTP as its owner would, with time put forward.
import { createHmac } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import { startSandbox, type Sandbox } from '../sandbox/index.ts'
import { buildApp } from '../src/app.ts'
import { loadConfig } from '../src/config/index.ts'
import { createStoryClock, type StoryClock } from './story-clock.ts'

/** Answers of the service, looked into as a client without types would. */
type Loose = any

const HOUR = 3_600_000
const DAY = 24 * HOUR
const SECRET = 'webhook-key-of-the-demo'

/** What the story was about, for whoever checks it. */
export interface WeekFacts {
  agents_run: string[]
  webhook: { taken: number, duplicates: number, forged_refused: boolean }
  /** As the shop itself says them, but for `approved`. */
  price: { before: string, approved: string, after_effect: string, after_revert: string }
  frozen: { waited: boolean, before: string, while_frozen: string, approved: string, after: string }
  outage: { parked: boolean, reason: string, resumed: boolean, readiness_stayed: boolean }
  ledger: { ok: boolean, entries: number, effects: number }
  effects: Record<string, number>
  brief: string[]
  days: number
}

interface Stage {
  call (method: string, path: string, body?: object, headers?: Record<string, string>): Promise<{ status: number, body: Loose }>
  control (method: string, path: string, body?: object): Promise<Loose>
  /** What the shop itself says, past the service. */
  shopPrice (variantId: string): Promise<string>
  /** So much time passes at once, here and in the shop. */
  forward (ms: number): Promise<void>
  now (): number
  say (line: string): void
  today (): string
}

export interface WeekOptions {
  say (line: string): void
  /** Of the sandbox. Default 1. */
  seed?: number
  /** How many days go by. Default: a week of them. */
  days?: number
}

export const tellWeek = async ({ say, seed = 1, days = 7 }: WeekOptions): Promise<WeekFacts> => {
  const folder = await mkdtemp(join(tmpdir(), 'orchestrator-week-'))
  const log = pino({ level: 'silent' })
  const sandbox = await startSandbox({ seed, upstreams: ['shopify_api', 'bigquery'], log })
  const clock = createStoryClock()
  const { config } = loadConfig({
    NODE_ENV: 'development',
    DATA_DIR: folder,
    HOST: '127.0.0.1',
    PORT: '0',
    SHOPIFY_WEBHOOK_SECRET: SECRET,
    LOG_LEVEL: 'silent',
    PROBE_INTERVAL: '0',
    // Days of work follow each other without a pause: being late with everything is no news here.
    MAX_LOOP_DELAY_MS: '0',
    RATE_LIMIT_PER_ADDRESS: '0',
    CIRCUIT_BREAKER_RECOVERY_TIMEOUT: '2'
  })
  const app = await buildApp(config, log, { clock, sandbox })
  try {
    await app.listen({ host: '127.0.0.1', port: 0 })
    return await play(stageOf(app.listeningOrigin, sandbox, clock, say), days)
  } finally {
    await app.close()
    await rm(folder, { recursive: true, force: true })
  }
}

const stageOf = (origin: string, sandbox: Sandbox, clock: StoryClock, say: (line: string) => void): Stage => {
  const ask = async (url: string, method: string, body: object | undefined, headers: Record<string, string> = {}): Promise<Response> => {
    const content = body === undefined ? {} : { body: JSON.stringify(body) }
    const type = body === undefined ? {} : { 'content-type': 'application/json' }
    return await fetch(url, { method, headers: { ...type, ...headers }, ...content })
  }
  const control = async (method: string, path: string, body?: object): Promise<Loose> => {
    const response = await ask(`${sandbox.addresses.control}${path}`, method, body)
    return response.status === 204 ? undefined : await response.json()
  }
  return {
    say,
    now: () => clock.now(),
    today: () => new Date(clock.now()).toISOString().slice(0, 16).replace('T', ' '),
    async call (method, path, body, headers) {
      const response = await ask(`${origin}${path}`, method, body, headers)
      const text = await response.text()
      return { status: response.status, body: text.startsWith('{') ? JSON.parse(text) : text }
    },
    control,
    async shopPrice (id) {
      const { credentials: { shopify_api: { access_token: token } }, addresses } = sandbox
      const query = 'query Price($ids: [ID!]!) { nodes(ids: $ids) { ... on ProductVariant { price } } }'
      const url = `${addresses.shopify_api!}/admin/api/2026-10/graphql.json`
      const answer = await (await ask(url, 'POST', { query, variables: { ids: [id] } }, { 'x-shopify-access-token': token })).json() as Loose
      if (answer.errors !== undefined) throw new Error(`The shop does not tell its price: ${JSON.stringify(answer.errors)}`)
      return answer.data.nodes[0].price
    },
    async forward (ms) {
      clock.forward(ms)
      await control('POST', '/_sandbox/clock', { forward_ms: ms })
    }
  }
}

const play = async (stage: Stage, days: number): Promise<WeekFacts> => {
  const { call, say, now, today } = stage
  const start = now()
  const chapter = (title: string): void => { say(`\n${today()} UTC  ${title}`) }

  chapter('The service starts on an empty store, beside a sandbox with a generated shop.')
  const ready = await call('GET', '/readyz')
  say(`  /readyz: ${ready.status}, ${ready.body.checks.map((check: Loose) => `${check.name} ${check.healthy ? 'ok' : 'down'}`).join(', ')}`)

  chapter('The owner says what may be changed: 19 % VAT is in the prices, every SKU is enrolled.')
  const { body: current } = await call('GET', '/policies')
  const policy = { ...current.policy, price: { ...current.policy.price, vat: '0.19', enrolled_skus: ['*'] } }
  const saved = await must(call('PUT', '/policies', { expected_version: current.version, policy, actor: 'owner', reason: 'Opening.' }))
  const { max_change_day: step, minimum_margin: margin } = policy.price
  say(`  Policy version ${saved.version}: at most ${Number(step) * 100} % a day, minimum margin ${Number(margin) * 100} %.`)

  chapter('The agents look at the shop. Whatever they want to change becomes a proposal.')
  const ran: string[] = []
  for (const name of ['analytics', 'order_management', 'inventory_forecasting', 'pricing_optimizer', 'recommendation', 'marketing_automation']) {
    const job = await runAgent(stage, name)
    if (job.status === 'succeeded') ran.push(name)
    say(`  ${name}: ${job.output?.summary ?? `${job.status} ${job.reason ?? job.error?.message ?? ''}`}`)
  }

  const webhook = await webhooks(stage)
  const price = await approveAndLook(stage)
  const frozen = await freeze(stage)
  const outage = await outageOf(stage)
  await letPass(days, stage)
  const afterRevert = await undo(stage, price)

  chapter('The week is over. The record is checked, and the brief read.')
  const { body: ledger } = await call('GET', '/effects/verify')
  say(`  Ledger: ${ledger.ok ? 'whole' : 'BROKEN'}, ${ledger.entries} entries about ${ledger.effects} effects.`)
  const { body: brief } = await call('GET', `/brief?since=${encodeURIComponent(new Date(start - HOUR).toISOString())}`)
  for (const line of brief.summary) say(`  ${line}`)
  for (const { name, message } of brief.broke) say(`  Broke: ${name}: ${message}`)
  const effects: Record<string, number> = {}
  for (const { status, count } of brief.effects) effects[status] = (effects[status] ?? 0) + count
  return {
    agents_run: ran,
    webhook,
    price: { before: price.before, approved: price.approved, after_effect: price.after, after_revert: afterRevert },
    frozen,
    outage,
    ledger,
    effects,
    brief: brief.summary,
    days: Math.round((now() - start) / DAY)
  }
}

const must = async (answer: Promise<{ status: number, body: Loose }>): Promise<Loose> => {
  const { status, body } = await answer
  if (status >= 400) throw new Error(`${status}: ${JSON.stringify(body)}`)
  return body
}

const runAgent = async (stage: Stage, name: string): Promise<Loose> => {
  const { job_id: id } = await must(stage.call('POST', `/agents/${name}/run`, {}))
  return await ended(stage, id)
}

/** A moment of the story is two seconds of the shop: nobody has to watch its query budget fill up. */
const moment = async ({ forward }: Stage): Promise<void> => {
  await new Promise((resolve) => { setTimeout(resolve, 100) })
  await forward(2_000)
}

/** The job when it has ended, or is parked. */
const ended = async (stage: Stage, id: string, until = (status: string): boolean => status !== 'queued' && status !== 'running'): Promise<Loose> => {
  for (let attempt = 0; attempt < 600; attempt++) {
    const { body } = await stage.call('GET', `/jobs/${id}`)
    if (until(body.status)) return body
    await moment(stage)
  }
  throw new Error(`The job ${id} does not end.`)
}

const webhooks = async (stage: Stage): Promise<WeekFacts['webhook']> => {
  const { call, say, today } = stage
  say(`\n${today()} UTC  Shopify reports an order, twice, and somebody else forges a third report.`)
  const [proposal] = await openProposals(stage, 'agent=order_management')
  const { order_id: gid, order_name: name } = proposal.items[0]
  const body = { id: Number(gid.split('/').at(-1)), admin_graphql_api_id: gid, name }
  const send = (key: string, delivery: string) => call('POST', '/webhooks/shopify', body, {
    'x-shopify-topic': 'orders/updated',
    'x-shopify-webhook-id': delivery,
    'x-shopify-hmac-sha256': createHmac('sha256', key).update(JSON.stringify(body)).digest('base64')
  })
  const answers = [await send(SECRET, 'delivery-1'), await send(SECRET, 'delivery-1')]
  const forged = await send('a guess', 'delivery-2')
  const taken = answers.filter(({ status, body: answer }) => status === 200 && !answer.duplicate).length
  const duplicates = answers.filter(({ status, body: answer }) => status === 200 && answer.duplicate).length
  const job = await ended(stage, answers[0]!.body.jobs[0])
  say(`  About ${name}: ${job.output?.summary ?? job.status}`)
  say(`  Taken ${taken}, recognised as the same delivery ${duplicates}; the forged one got ${forged.status}.`)
  return { taken, duplicates, forged_refused: forged.status === 401 }
}

interface PriceStory { effect: Loose, before: string, approved: string, after: string }

const openProposals = async ({ call }: Stage, query: string): Promise<Loose[]> => (await must(call('GET', `/proposals?status=pending&${query}`))).proposals

const approve = async ({ call }: Stage, proposal: Loose): Promise<Loose> =>
  await must(call('POST', `/proposals/${proposal.id}/approve`, { plan_hash: proposal.plan_hash, actor: 'owner' }))

const approveAndLook = async (stage: Stage): Promise<PriceStory> => {
  const { call, say, today } = stage
  const [proposal] = (await openProposals(stage, 'class=price_change')).filter(({ verdict }) => verdict.decision === 'approve')
  if (proposal === undefined) throw new Error('No price was proposed that one person can approve.')
  say(`\n${today()} UTC  The owner approves a price, bound to the plan that was seen (${proposal.plan_hash.slice(0, 12)}…).`)
  say(`  ${proposal.title}`)
  for (const line of proposal.rationale.slice(0, 4)) say(`    ${line}`)
  const before = await stage.shopPrice(proposal.items[0].variant_id)
  const approved = await approve(stage, proposal)
  await ended(stage, approved.apply_job_id)
  const { effects: [effect] } = await must(call('GET', `/effects?proposal_id=${proposal.id}`))
  say(`  Effect ${effect.status}: ${effect.before?.price} -> ${effect.after?.price} ${effect.item.currency}, read back from the shop.`)
  const again = await call('POST', `/proposals/${proposal.id}/approve`, { plan_hash: proposal.plan_hash, actor: 'owner' })
  say(`  Approving it again: ${again.status} ${again.body.code}.`)
  return { effect, before, approved: effect.item.price, after: await stage.shopPrice(effect.item.variant_id) }
}

const freeze = async (stage: Stage): Promise<WeekFacts['frozen']> => {
  const { call, say, shopPrice, today } = stage
  say(`\n${today()} UTC  The owner freezes everything for the stock-taking, and approves another proposal meanwhile.`)
  const frozen = await must(call('POST', '/freeze', { scope: 'all', reason: 'Stock-taking.', actor: 'owner' }))
  const [proposal] = (await openProposals(stage, 'class=price_change')).filter(({ verdict }) => verdict.decision === 'approve')
  if (proposal === undefined) throw new Error('No second price was proposed.')
  const { variant_id: variant, price: wanted } = proposal.items[0]
  const before = await shopPrice(variant)
  const approved = await approve(stage, proposal)
  const job = await ended(stage, approved.apply_job_id, (status) => status === 'parked' || status === 'succeeded')
  const meanwhile = await shopPrice(variant)
  say(`  Its job is ${job.status} (${String(job.reason).split(':')[0]}); the shop goes on showing ${meanwhile}, not ${wanted}.`)
  await must(call('POST', `/freeze/${frozen.id}/lift`, { actor: 'owner', reason: 'Counted.' }))
  const after = await ended(stage, approved.apply_job_id, (status) => status === 'succeeded' || status === 'failed')
  const now = await shopPrice(variant)
  say(`  Lifted: ${after.output?.summary ?? after.status} The shop shows ${now}.`)
  return { waited: job.status === 'parked', before, while_frozen: meanwhile, approved: wanted, after: now }
}

const outageOf = async (stage: Stage): Promise<WeekFacts['outage']> => {
  const { call, control, say, today } = stage
  say(`\n${today()} UTC  Shopify fails with 500 on everything.`)
  await control('POST', '/_sandbox/faults', { upstream: 'shopify_api', kind: 'status', status: 500 })
  const { job_id: id } = await must(call('POST', '/agents/order_management/run', {}))
  const job = await ended(stage, id, (status) => status === 'parked')
  const ready = await call('GET', '/readyz')
  say(`  The job of order_management is ${job.status} (${job.reason}); /readyz stays ${ready.status}, ${ready.body.status}.`)
  await control('DELETE', '/_sandbox/faults')
  const after = await ended(stage, id, (status) => status === 'succeeded')
  say(`  Shopify is back: the job went on by itself: ${after.status}.`)
  return { parked: job.status === 'parked', reason: job.reason, resumed: after.status === 'succeeded', readiness_stayed: ready.status === 200 }
}

const letPass = async (days: number, stage: Stage): Promise<void> => {
  const { call, say, forward, today } = stage
  say(`\n${today()} UTC  The days go by; the schedules do their work.`)
  for (let day = 0; day < days; day++) {
    await forward(DAY)
    // What the schedules queued is done before the next day begins.
    for (let attempt = 0; attempt < 600; attempt++) {
      const { body: queued } = await call('GET', '/jobs?status=queued&limit=1')
      const { body: running } = await call('GET', '/jobs?status=running&limit=1')
      if (queued.total + running.total === 0 && attempt > 1) break
      await moment(stage)
    }
    const { body } = await call('GET', '/jobs?agent=analytics&status=succeeded&limit=1')
    say(`  ${today().slice(0, 10)}: ${body.jobs[0]?.output?.summary ?? 'no close yet'}`)
  }
}

const undo = async (stage: Stage, { effect }: PriceStory): Promise<string> => {
  const { call, say, today } = stage
  say(`\n${today()} UTC  The owner does not like that first price any more, and undoes it.`)
  const { job_id: id } = await must(call('POST', `/effects/${effect.id}/revert`, { actor: 'owner' }))
  const job = await ended(stage, id)
  const { body: reverted } = await call('GET', `/effects/${effect.id}`)
  const price = await stage.shopPrice(effect.item.variant_id)
  say(`  ${job.output?.summary ?? job.status} The effect is ${reverted.status}, the shop shows ${price} again.`)
  const again = await call('POST', `/effects/${effect.id}/revert`, { actor: 'owner' })
  say(`  Undoing it again: ${again.status} ${again.body.code}.`)
  return price
}

if (import.meta.main) {
  const begun = performance.now()
  await tellWeek({ say: (line) => { console.log(line) } })
  console.log(`\nThat was a week in ${Math.round((performance.now() - begun) / 1000)} s.`)
}
