// What the assistant says of the shop, over HTTP, held against the shop's own books: every figure, with and without a model.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { createLlmSandbox } from '../../sandbox/llm/index.ts'
import { reportOf, type DayReport, type Need, type Trade } from '../../sandbox/shop/trade.ts'
import { CREDENTIALS } from '../../sandbox/upstreams.ts'
import { createBreakers, createUpstreams, type StandIns } from '../../plugins/upstreams.ts'
import { loadConfig } from '../../src/config/index.ts'
import { systemClock, type Clock } from '../../src/core/clock.ts'
import { silentLogger } from '../../src/core/log.ts'
import { systemRandom } from '../../src/core/random.ts'
import { buildTestApp, listen } from '../helpers/app.ts'
import { createTalk } from '../helpers/talk.ts'
import { serve } from './shop-rig.ts'

/** The app on the sandbox's shop, both at the same hand-set time. */
const setup = async (t: Test, { model }: { model: boolean }) => {
  const { url, shop, time } = await serve(t)
  const clock: Clock = { ...systemClock, now: () => time.now }
  const addresses = { shopify_api: url, ...(model ? { llm: await serveModel(t, () => time.now) } : {}) }
  const environment = { NODE_ENV: 'testing', BACKGROUND_WORK: 'true' }
  const { config } = loadConfig(environment)
  const sandbox: StandIns = { addresses, credentials: CREDENTIALS, close: async () => {} }
  const breakers = createBreakers(config, (name) => name in addresses, { clock, log: silentLogger })
  const upstreams = await createUpstreams({ config, sandbox, breakers, clock, random: systemRandom, log: silentLogger })
  t.teardown(() => upstreams.close())
  const { app } = await buildTestApp(t, environment, { clock, upstreams })
  const talk = createTalk(await listen(app))
  const ask = async (question: string): Promise<{ text: string, job: Record<string, any> }> => {
    const session = await talk.open()
    const job = await talk.ended(await talk.ask(session, question))
    return { text: (await talk.replies(session))[0]?.content ?? '', job }
  }
  shop.advance(time.now)
  return { ask, shop, time, report: (): DayReport => reportOf(shop) }
}

const serveModel = async (t: Test, now: () => number): Promise<string> => {
  const model = createLlmSandbox({ now })
  model.setPace({ first_ms: 0, every_ms: 0, deltas: null })
  const server = createServer((request, response) => { model.handle(request, response).catch(() => { response.destroy() }) }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** `1,234.50` in the text, `1234.50` in the books. */
const spoken = (amount: string): string => amount.replace(/\B(?=(\d{3})+(?!\d))/g, ',')

/** What the answer to "how is the shop doing today?" must contain, by the books; each is missing from it or not. */
const missingIn = (text: string, { today, yesterday, week_before: week }: DayReport): string[] => {
  const people = `${today.new_customers} new, ${today.returning_customers} returning; ${today.guests} orders by guests`
  const expected = [
    `${today.orders} orders, net ${spoken(today.net)} EUR (${spoken(today.gross)} gross - ${spoken(today.discounts)} discounts - ` +
      `${spoken(today.refunds)} refunds)`,
    `${today.units} units, ${spoken(today.average_order!)} EUR an order on average, ${spoken(today.shipping)} EUR charged for shipping`,
    `${spoken(today.net_before_refunds)} EUR`,
    `(${week.orders} orders, ${spoken(week.net_before_refunds)} EUR)`,
    `(${yesterday.orders} orders, ${spoken(yesterday.net_before_refunds)} EUR)`,
    people
  ]
  return expected.filter((part) => !text.includes(part))
}

/** The same for a model, which tells a tool's JSON: the figures as they stand there. */
const figuresMissingIn = (text: string, today: Trade): string[] =>
  [today.gross, today.net, today.discounts, today.refunds, today.average_order!, today.shipping, String(today.orders), String(today.units)]
    .filter((figure) => !text.includes(figure))

/** Names and reasons, as the answer lists them. */
const listed = (text: string): string[] => [...text.matchAll(/^- `(#\d+)` \((urgent|soon|later|when there is time)[^)]*\)/gm)].map(([, name]) => name!)

t.test('by rules: how is the shop doing today?', async (t) => {
  const { ask, report } = await setup(t, { model: false })
  const { text, job } = await ask('how is the shop doing today?')
  t.strictSame(missingIn(text, report()), [], text)
  t.strictSame(job['output'].sources, ['sandbox'])
  t.match(text, /sandbox/)
  const books = report()
  for (const [name, wrong] of Object.entries({
    orders: { ...books.today, orders: books.today.orders + 1 },
    cents: { ...books.today, net: `${books.today.net.slice(0, -1)}${books.today.net.endsWith('1') ? 2 : 1}` },
    guests: { ...books.today, guests: books.today.guests + 1 }
  })) t.not(missingIn(text, { ...books, today: wrong }).length, 0, `control: other books are noticed (${name})`)
})

t.test('by rules: which orders need me?', async (t) => {
  const { ask, report } = await setup(t, { model: false })
  const { text } = await ask('which orders need me?')
  const { needs } = report()
  t.ok(needs.length > 10)
  t.match(text, new RegExp(`^${needs.length} orders need you`))
  t.strictSame(listed(text), needs.slice(0, 10).map(({ name }) => name), text)
})

t.test('the tools: every figure and every order with its reasons', async (t) => {
  const { report, shop, time } = await setup(t, { model: false })
  // The same at other times: after a night, at a month's end, and a minute after midnight.
  for (const step of [0, 13 * 3_600_000, 3 * 86_400_000 - 60_000]) {
    time.now += step
    shop.advance(time.now)
    const tools = await toolsOf(t, time)
    const books = report()
    const summary = await tools('shop_summary', {})
    t.match(summary, { source: 'sandbox' })
    t.strictSame(tradeIn(summary), books.today)
    const needs = await tools('orders_needing_attention', { limit: 50 })
    t.strictSame(byName(needsIn(needs)), byName(books.needs.slice(0, 50)))
    t.equal(needs['total'], books.needs.length)
  }
  t.end()

  async function toolsOf (t: Test, time: { now: number }) {
    const { createTools } = await import('../../src/agents/assistant/tools.ts')
    const rig = await serve(t, { shop })
    rig.time.now = time.now
    const { config } = loadConfig({ NODE_ENV: 'testing' })
    const clock: Clock = { ...systemClock, now: () => time.now }
    const sandbox: StandIns = { addresses: { shopify_api: rig.url }, credentials: CREDENTIALS, close: async () => {} }
    const breakers = createBreakers(config, (name) => name === 'shopify_api', { clock, log: silentLogger })
    const { commerce, close } = await createUpstreams({ config, sandbox, breakers, clock, random: systemRandom, log: silentLogger })
    t.teardown(() => close())
    const tools = createTools({} as never, { appName: 'x', version: '0', baseUrl: 'http://x', clock, ports: { commerce: commerce! } } as never)
    return async (name: 'shop_summary' | 'orders_needing_attention', input: object): Promise<Record<string, any>> =>
      await tools[name].run(input, { signal: new AbortController().signal, session_id: 's' }) as Record<string, any>
  }
})

/** A summary's figures under the names of the books. */
const tradeIn = ({ customers, ...figures }: Record<string, any>): unknown => {
  const { new: fresh, returning, guests } = customers
  const names = ['orders', 'cancelled', 'units', 'gross', 'discounts', 'net_before_refunds', 'refunds', 'net', 'shipping', 'average_order']
  return { ...Object.fromEntries(names.map((name) => [name, figures[name]])), new_customers: fresh, returning_customers: returning, guests }
}

const needsIn = ({ orders }: Record<string, any>): Need[] => orders.map(({ name, severity, reasons }: Record<string, any>) =>
  ({ name, severity, reasons: reasons.map(({ code }: { code: string }) => code) }))

const byName = (needs: Need[]): Need[] => needs.map((need) => ({ ...need, reasons: need.reasons.toSorted() }))

t.test('with a model: the same figures, and it says who it is', async (t) => {
  const { ask, report } = await setup(t, { model: true })
  const { text, job } = await ask('how is the shop doing today?')
  t.strictSame(figuresMissingIn(text, report().today), [], text)
  t.match(job['output'], { responder: 'model', sources: ['sandbox'] })
  const orders = await ask('which orders need me?')
  for (const { name } of report().needs.slice(0, 10)) t.match(orders.text, name)
  t.not(figuresMissingIn(text, { ...report().today, gross: '0.01' }).length, 0, 'control')
})
