// The campaign: forged webhooks by the thousand, one delivery a hundred times at once, and many deliveries under load, against the real server on its file.
import { createHmac, randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Type } from '@sinclair/typebox'
import pino from 'pino'
import { Agent, request } from 'undici'
import { buildApp } from '../../../src/app.ts'
import { loadConfig } from '../../../src/config/index.ts'
import { defineAgent } from '../../../src/core/agent.ts'
import type { Store } from '../../../src/core/store.ts'
import { createDice, type Dice } from '../kill/random.ts'

/** What is broken on purpose, so that the campaign has to find it: the forger has the key, nothing is taken once, or the store is slow. */
export const CONTROLS = ['leaked-key', 'no-dedupe', 'slow'] as const
export type Control = typeof CONTROLS[number]

export interface CampaignOptions {
  forged: number
  /** How often one delivery comes a hundred times at once. */
  rounds: number
  /** Deliveries under load. */
  deliveries: number
  seed: number
  control?: Control
}

export interface CampaignResult {
  forged: number
  accepted: number
  rounds: number
  /** Rounds that ended with another number of events or jobs than one. */
  doubled: number
  deliveries: number
  refused: number
  /** Acknowledged, and not in the store. */
  lost: number
  p50: number
  p99: number
  p999: number
}

const KEY = 'campaign-key'
const SHOP = 'campaign.myshopify.com'
const TWINS = 100
const CONNECTIONS = 64
const SLOW_MS = 1_200
export const P999_LIMIT_MS = 1_000

const counter = defineAgent({
  name: 'counter',
  description: 'Hears of orders.',
  input: Type.Object({}),
  output: Type.Object({}),
  triggers: { events: ['orders/create'] },
  summarise: () => 'heard',
  run: async () => ({})
})

const brokenBy = (control: Control | undefined) => (store: Store): Store => ({
  ...store,
  async recordEvent (args) {
    if (control === 'slow') await sleep(SLOW_MS)
    return store.recordEvent(control === 'no-dedupe' ? { ...args, event: { ...args.event, delivery: null } } : args)
  }
})

export const runCampaign = async ({ forged, rounds, deliveries, seed, control }: CampaignOptions): Promise<CampaignResult> => {
  const dir = mkdtempSync(join(tmpdir(), 'webhooks-'))
  const { config } = loadConfig({
    NODE_ENV: 'development', SANDBOX: 'off', DATA_DIR: dir, BACKGROUND_WORK: 'false', SHOPIFY_WEBHOOK_SECRET: KEY, PROBE_INTERVAL: '0'
  })
  const app = await buildApp(config, pino({ level: 'silent' }), { agents: [counter], upstreams: { list: [] }, wrapStore: brokenBy(control) })
  const origin = await app.listen({ host: '127.0.0.1', port: 0 })
  const dispatcher = new Agent({ connections: CONNECTIONS })
  const { store } = app.orchestrator

  const send = async (body: string, signature: string, id: string): Promise<number> => {
    const { statusCode, body: answer } = await request(`${origin}/webhooks/shopify`, {
      dispatcher,
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'x-shopify-topic': 'orders/create',
        'x-shopify-webhook-id': id,
        'x-shopify-shop-domain': SHOP,
        'x-shopify-hmac-sha256': signature
      },
      body
    })
    await answer.dump()
    return statusCode
  }

  try {
    const dice = createDice(seed)
    let accepted = 0
    await each(forged, async (n) => {
      const { body, signature } = forge(n, dice, control === 'leaked-key')
      if (await send(body, signature, randomUUID()) < 300) accepted += 1
    })
    // What is refused with the right words and stored all the same would be as bad.
    accepted = Math.max(accepted, (await store.stats()).events)

    let doubled = 0
    for (let round = 0; round < rounds; round++) {
      const before = await store.stats()
      const body = JSON.stringify({ note: `round ${round}` })
      const id = randomUUID()
      await Promise.all(Array.from({ length: TWINS }, () => send(body, sign(body), id)))
      const after = await store.stats()
      if (after.events - before.events !== 1 || jobsOf(after) - jobsOf(before) !== 1) doubled += 1
    }

    const begun = (await store.stats()).events
    const times: number[] = []
    let refused = 0
    await each(deliveries, async (n) => {
      const body = orderBody(n)
      const at = performance.now()
      const status = await send(body, sign(body), randomUUID())
      times.push(performance.now() - at)
      if (status !== 200) refused += 1
    })
    const lost = deliveries - refused - ((await store.stats()).events - begun)
    times.sort((a, b) => a - b)
    const at = (share: number): number => Math.round((times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0) * 10) / 10
    return { forged, accepted, rounds, doubled, deliveries, refused, lost, p50: at(0.5), p99: at(0.99), p999: at(0.999) }
  } finally {
    await dispatcher.close()
    await app.close()
    rmSync(dir, { recursive: true, force: true })
  }
}

export const isClean = ({ accepted, doubled, refused, lost, p999 }: CampaignResult): boolean =>
  accepted === 0 && doubled === 0 && refused === 0 && lost === 0 && p999 <= P999_LIMIT_MS

const each = async (count: number, work: (n: number) => Promise<void>): Promise<void> => {
  let next = 0
  await Promise.all(Array.from({ length: CONNECTIONS }, async () => { while (next < count) await work(next++) }))
}

const jobsOf = ({ jobs }: Awaited<ReturnType<Store['stats']>>): number => jobs.reduce((sum, { count }) => sum + count, 0)

const sign = (body: string | Buffer, key = KEY): string => createHmac('sha256', key).update(body).digest('base64')

const orderBody = (n: number): string => JSON.stringify({
  id: 1_000_000 + n,
  admin_graphql_api_id: `gid://shopify/Order/${1_000_000 + n}`,
  updated_at: new Date(1_767_600_000_000 + n * 1_000).toISOString(),
  financial_status: 'paid',
  // As large as an order of some lines is.
  line_items: Array.from({ length: 10 }, (_, index) => ({ id: index, title: `Saddle pad ${index}`, price: '10.00', properties: 'x'.repeat(200) }))
})

/** A delivery that nobody signed: another key, a body or a signature that was changed, none at all, or the right one in another writing. */
const forge = (n: number, dice: Dice, leaked: boolean): { body: string, signature: string } => {
  const body = orderBody(n)
  const good = sign(body)
  if (leaked && n % 2 === 0) return { body, signature: good }
  const bytes = Buffer.from(good, 'base64')
  const flipped = Buffer.from(bytes)
  const place = dice.below(bytes.length)
  flipped[place] = flipped[place]! ^ (1 << dice.below(8))
  const at = 1 + dice.below(body.length - 2)
  const ways: Array<{ body: string, signature: string }> = [
    { body, signature: sign(body, `${KEY}${dice.below(9)}`) },
    { body, signature: sign(body, '') },
    { body, signature: flipped.toString('base64') },
    { body, signature: bytes.subarray(0, dice.below(32)).toString('base64') },
    { body, signature: Buffer.concat([bytes, bytes]).toString('base64') },
    { body, signature: bytes.toString('hex') },
    { body, signature: createHmac('sha1', KEY).update(body).digest('base64') },
    { body: `${body.slice(0, at)}${body[at] === '0' ? '1' : '0'}${body.slice(at + 1)}`, signature: good },
    { body: `${body} `, signature: good },
    { body: JSON.stringify(JSON.parse(body), null, 1), signature: good },
    { body: '', signature: good },
    { body, signature: '' }
  ]
  return ways[dice.below(ways.length)]!
}
