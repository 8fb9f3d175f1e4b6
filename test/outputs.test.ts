// What runs of agents came to, as JSON and as tables; and the state of the history that they work with.
import { Type } from '@sinclair/typebox'
import t from 'tap'
import { defineAgent, PermanentError } from '../src/core/agent.ts'
import type { Upstreams } from '../plugins/upstreams.ts'
import { buildTestApp } from './helpers/app.ts'
import { asker } from './helpers/api-document.ts'
import { createMemoryShop, orderOf } from './helpers/memory-shop.ts'

const NOW = Date.parse('2026-11-24T12:00:00Z')

const counter = defineAgent({
  name: 'counter',
  description: 'Counts the orders of the history.',
  input: Type.Object({ fail: Type.Optional(Type.Boolean()) }),
  output: Type.Object({ orders: Type.Array(Type.Object({ name: Type.String(), total: Type.String() })), suppliers: Type.Integer() }),
  triggers: {},
  summarise: ({ orders }) => `${orders.length} orders.`,
  csv: ({ orders }) => `name,total\r\n${orders.map(({ name, total }) => `${name},${total}\r\n`).join('')}`,
  async run ({ history, feeds, signal, progress }, { fail }) {
    if (fail === true || history === undefined) throw new PermanentError('shop_not_configured', 'There is no shop.')
    await history.refresh({ signal, progress })
    const orders = []
    for await (const { name, total } of history.orders({ signal })) orders.push({ name, total })
    return { orders, suppliers: (await feeds.get('suppliers'))?.rows.length ?? 0 }
  }
})

const plain = defineAgent({
  name: 'plain',
  description: 'Has no table.',
  input: Type.Object({}),
  output: Type.Object({ n: Type.Integer() }),
  triggers: {},
  summarise: ({ n }) => `${n}.`,
  run: async () => ({ n: 7 })
})

const shop = createMemoryShop({ now: () => NOW }, {
  orders: [orderOf({ name: '#1', at: NOW - 7_200_000, total: '19.90' }), orderOf({ name: '#2', at: NOW - 3_600_000, total: '5.00' })]
})
const upstreams: Upstreams = { list: [], commerce: shop.commerce }
const { app } = await buildTestApp(t, { BACKGROUND_WORK: 'true' }, { agents: [counter, plain], upstreams })
const { ask } = await asker(app)

const run = async (name: string, input: object = {}): Promise<string> => {
  const { id } = await app.orchestrator.agents.run(name, { input: input as never, source: 'test' })
  await app.orchestrator.jobs.wait(id, 10_000, new AbortController().signal)
  return id
}

t.test('the history that agents read, and its state', async (t) => {
  const empty = { source: null, as_of: null, age_seconds: null, covers_from: null, orders: null }
  for (const prefix of ['', '/api']) t.strictSame((await ask(t, { url: `${prefix}/history` })).data, empty)
  await app.orchestrator.feeds.replace('suppliers', Buffer.from('sku,lead_time_days\nA-1,14\n'), { actor: 'test', request_id: 'r-1' })
  const id = await run('counter')
  t.match((await ask(t, { url: `/jobs/${id}` })).data, { status: 'succeeded', output: { summary: '2 orders.' }, progress: { note: /2 orders read/ } })
  t.strictSame((await ask(t, { url: `/jobs/${id}/output` })).data, {
    orders: [{ name: '#1', total: '19.90' }, { name: '#2', total: '5.00' }], suppliers: 1
  })
  const state = (await ask(t, { url: '/history' })).data
  t.match(state, { source: 'live', as_of: /Z$/, covers_from: '2026-11-24T10:00:00.000Z', orders: 2 })
  t.ok(state.age_seconds >= 0 && state.age_seconds < 60)
})

t.test('without a shop there is no history, and its state says so', async (t) => {
  const { app } = await buildTestApp(t, {}, { upstreams: { list: [] } })
  const { ask } = await asker(app)
  t.equal(app.orchestrator.history, undefined)
  t.match((await ask(t, { url: '/history' })).data, { source: null, orders: null })
})

t.test('an output as JSON or as a table, as it is asked for', async (t) => {
  const id = await run('counter')
  const csv = 'name,total\r\n#1,19.90\r\n#2,5.00\r\n'
  for (const prefix of ['', '/api']) {
    const url = `${prefix}/jobs/${id}/output`
    const accepting = (accept: string) => ({ url, headers: { accept } })
    for (const question of [{ url: `${url}?format=csv` }, accepting('text/csv'), accepting('text/csv, application/json;q=0.5')]) {
      const headers = { 'content-type': /^text\/csv/, 'content-disposition': `attachment; filename="counter-${id}.csv"` }
      t.match(await ask(t, question), { statusCode: 200, body: csv, headers })
    }
    for (const question of [{ url }, { url: `${url}?format=json`, headers: { accept: 'text/csv' } }, { url, headers: { accept: '*/*' } }]) {
      t.match(await ask(t, question), { statusCode: 200, data: { orders: [{}, {}] } })
    }
    t.match(await ask(t, { url: `${url}?format=xml` }), { statusCode: 400, data: { code: 'validation_failed' } })
  }
})

t.test('what has no table, and what has no output', async (t) => {
  const id = await run('plain')
  t.match(await ask(t, { url: `/jobs/${id}/output` }), { statusCode: 200, body: '{"n":7}' })
  t.match(await ask(t, { url: `/jobs/${id}/output?format=csv` }), { statusCode: 406, data: { code: 'csv_not_available' } })
  const failed = await run('counter', { fail: true })
  t.match(await ask(t, { url: `/jobs/${failed}/output` }), { statusCode: 404, data: { code: 'output_not_found' } })
  t.match(await ask(t, { url: `/jobs/${failed}/output?format=csv` }), { statusCode: 404, data: { code: 'output_not_found' } })
  t.match(await ask(t, { url: '/jobs/01900000-0000-7000-8000-000000000000/output' }), { statusCode: 404, data: { code: 'job_not_found' } })
  const known = await app.orchestrator.jobs.get(await run('counter'))
  const foreign = { ...known, output: { summary: '', result: { orders: 'of an earlier version' } } }
  await t.rejects(app.orchestrator.agents.csvOf(foreign), { code: 'csv_not_available' })
  await t.rejects(app.orchestrator.agents.csvOf({ ...known, name: 'gone' }), { code: 'csv_not_available' })
})
