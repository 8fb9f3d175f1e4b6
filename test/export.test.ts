// Exports over real sockets: every row once, in order; a file that is cut off is seen to be; nobody reads on when the caller has left.
import { connect } from 'node:net'
import t from 'tap'
import { newId } from '../src/core/ids.ts'
import type { Store } from '../src/core/store.ts'
import { buildTestApp, listen, sayer } from './helpers/app.ts'
import { makeEffect } from './helpers/store-contract-effects.ts'
import { job, lease, schedule, T0 } from './helpers/store-rig.ts'
import { until } from './helpers/fake-clock.ts'
import { createTalk } from './helpers/talk.ts'

interface Line {
  type: string
  data: Record<string, unknown>
}

const linesOf = (text: string): Line[] => text.trimEnd().split('\n').map((line) => JSON.parse(line) as Line)

const SECRET = 'sk-live-abcdef123456'

/** Some of everything, more than a page of what there is much of. */
const fill = async (store: Store): Promise<void> => {
  for (let n = 0; n < 3; n++) {
    const id = newId()
    await store.createSession({ id, now: T0 })
    await Promise.all(Array.from({ length: 200 }, (_, at) =>
      store.addMessage({ id: newId(), session_id: id, role: 'assistant', content: `message ${at} "€" 😀\n`, now: T0 })))
  }
  await store.enqueue({ jobs: Array.from({ length: 120 }, () => job()), now: T0 })
  await store.claim({ queue: 'agents', limit: 2, lease: { ...lease(), token: SECRET }, now: T0 })
  await store.claimKey({
    scope: '', key: 'k', token: SECRET, fingerprint: SECRET, owner: 'o', sole: true, now: T0, lease_until: T0, expires_at: T0 + 1e9
  })
  for (let n = 0; n < 210; n++) {
    await store.recordEvent({ event: { id: newId(), type: 'x', data: { n }, timestamp: '', source: 'api', delivery: null, received_at: T0 }, jobs: [] })
  }
  await store.saveSchedule(schedule({ built_in: false }), 'insert')
  await store.fireSchedule({ id: 'stocktaker', due_at: T0, expected_due_at: T0, next_due_at: null, missed: 0, now: T0, job: job() })
  await store.setAgentState({ name: 'stocktaker', enabled: true, reason: null, now: T0 })
  for (let n = 0; n < 45; n++) await makeEffect(store, `k${n}`)
}

t.test('everything: each row once, oldest first, with the counts of the store', async (t) => {
  const { app } = await buildTestApp(t)
  const { store } = app.orchestrator
  await fill(store)
  const response = await fetch(`${await listen(app)}/export`)
  t.equal(response.status, 200)
  t.equal(response.headers.get('content-type'), 'application/x-ndjson; charset=utf-8')
  const text = await response.text()
  const lines = linesOf(text)
  const [header, trailer] = [lines[0]!, lines.at(-1)!]
  t.match(header, { type: 'header', data: { format: 'royal-equips-export', format_version: 1, scope: 'everything' } })
  t.match(trailer, { type: 'trailer', data: { complete: true } })

  const { sessions, messages, events, jobs } = await store.stats()
  const kept = await store.keptRows()
  const counts = trailer.data['counts'] as Record<string, number>
  t.match(counts, {
    session: sessions,
    message: messages,
    event: events,
    job: jobs.reduce((sum, { count }) => sum + count, 0),
    schedule: (await store.listSchedules()).length,
    schedule_run: 1,
    proposal: kept.proposals,
    effect: kept.effects,
    ledger_entry: kept.effect_log,
    audit_entry: kept.audit,
    agent: 1
  })
  t.match(counts, { session: 3, message: 600, event: 210, proposal: 45, effect: 45, ledger_entry: 90, audit_entry: 45 })
  const real = new Map<string, number>()
  for (const { type } of lines.slice(1, -1)) real.set(type, (real.get(type) ?? 0) + 1)
  t.same(Object.fromEntries(real), counts, 'the trailer counts what stands in the file')
  const ids = lines.flatMap(({ type, data }) => typeof data['id'] === 'string' ? [`${type} ${data['id']}`] : [])
  t.equal(new Set(ids).size, ids.length, 'nothing twice')
  for (const type of ['session', 'job', 'event', 'proposal', 'effect', 'audit_entry']) {
    const own = lines.filter((line) => line.type === type).map(({ data }) => data['id'] as string)
    t.strictSame(own, [...own].sort(), `${type}: oldest first`)
  }
  const ledger = lines.filter(({ type }) => type === 'ledger_entry').map(({ data }) => data)
  t.ok(ledger.every((entry, at) => at === 0 || entry['prev_hash'] === ledger[at - 1]!['hash']), 'the chain can be followed in the file')
  t.notMatch(text, SECRET, 'no tokens of leases and keys')
})

t.test('a session: with its messages, its stream and its jobs', async (t) => {
  const { app } = await buildTestApp(t, { BACKGROUND_WORK: 'true' }, { assistant: sayer('one ', 'two') })
  const origin = await listen(app)
  const talk = createTalk(origin)
  const session = await talk.open()
  await talk.ended(await talk.ask(session))
  const other = await talk.open()
  await talk.ended(await talk.ask(other))
  const lines = linesOf(await (await fetch(`${origin}/api/agents/session/${session}/export`)).text())
  t.strictSame(lines.map(({ type }) => type), ['header', 'session', 'message', 'message', 'stream_event', 'stream_event', 'stream_event', 'job', 'trailer'])
  t.match(lines[4], { data: { id: 1, event: 'message', data: { type: 'delta', content: 'one ' } } })
  t.notMatch(JSON.stringify(lines), other)
  t.equal((await fetch(`${origin}/agents/session/${newId()}/export`)).status, 404)
  const head = await fetch(`${origin}/export`, { method: 'HEAD' })
  t.equal(head.status, 200)
})

t.test('a fault in the middle cuts the answer: there is no trailer', async (t) => {
  const { app } = await buildTestApp(t, {}, {
    wrapStore: (store) => ({ ...store, exportPage: async (args) => args.table === 'event' ? Promise.reject(new Error('no disk')) : store.exportPage(args) })
  })
  await fill(app.orchestrator.store)
  const { body } = await fetch(`${await listen(app)}/export`)
  let text = ''
  await t.rejects(async () => { for await (const part of body!) text += Buffer.from(part as Uint8Array).toString() }, 'the transfer itself is broken off')
  t.match(text, '"type":"message"')
  t.notMatch(text, '"type":"trailer"')
})

t.test('a session that is deleted meanwhile is cut off', async (t) => {
  const { app } = await buildTestApp(t, {}, {
    wrapStore: (store) => ({
      ...store,
      async readEvents (...range) {
        await store.deleteSession({ id: range[0], now: T0 })
        return store.readEvents(...range)
      }
    })
  })
  const id = newId()
  await app.orchestrator.store.createSession({ id, now: T0 })
  await t.rejects(async () => await (await fetch(`${await listen(app)}/agents/session/${id}/export`)).text())
})

t.test('as fast as it is taken: a reader that stalls or leaves stops the reading', async (t) => {
  let pages = 0
  const { app } = await buildTestApp(t, {}, {
    wrapStore: (store) => ({
      ...store,
      async exportPage (args) {
        pages += 1
        return store.exportPage(args)
      }
    })
  })
  const { store } = app.orchestrator
  const id = newId()
  await store.createSession({ id, now: T0 })
  const content = 'x'.repeat(10_000)
  // 30 MB, far more than the buffers of two sockets.
  for (let at = 0; at < 3_000; at += 500) {
    await Promise.all(Array.from({ length: 500 }, () => store.addMessage({ id: newId(), session_id: id, role: 'assistant', content, now: T0 })))
  }
  const { port } = new URL(await listen(app))
  const socket = connect(Number(port), '127.0.0.1')
  socket.write('GET /export HTTP/1.1\r\nhost: x\r\n\r\n')
  socket.pause()
  let before = -1
  await until('the reading stands still', async () => {
    const same = before === pages && pages > 1
    before = pages
    for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => { setImmediate(resolve) })
    return same
  })
  t.ok(pages < 12, `${pages} of 13 pages were read`)
  const closed = new Promise<void>((resolve) => { socket.once('close', () => { resolve() }) })
  socket.destroy()
  await closed
  const stalled = pages
  await (await fetch(`http://127.0.0.1:${port}/healthz`)).text()
  t.ok(pages <= stalled + 1, 'nothing more is read for nobody')

  // A reader that stalls does not keep the server from stopping.
  const other = connect(Number(port), '127.0.0.1')
  other.on('error', () => {})
  other.write('GET /export HTTP/1.1\r\nhost: x\r\n\r\n')
  other.pause()
  await until('it has begun', () => pages > stalled + 2)
  await app.close()
  t.pass('closed')
  other.destroy()
})
