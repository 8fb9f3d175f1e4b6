// Ten thousand idle streams: what each costs the server in memory, and how long one event takes to reach them all.
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { ListenerAnswer, ListenerRequest } from '../listeners.ts'
import { call, post } from '../load.ts'
import { ROOT, startProcess } from '../process.ts'
import { ROUNDS } from '../rounds.ts'
import { atMost, type Row } from '../rows.ts'

const STREAMS = 10_000
const COUNT = STREAMS.toLocaleString('en-US')
const LISTENERS = 2
const WARM_UP_STREAMS = 100
const A_DAY_MS = 86_400_000

export const streams = async (dir: string): Promise<Row[]> => {
  const server = await startProcess('server.ts', dir)
  const listeners = Array.from({ length: LISTENERS }, startListener)
  const askAll = (request: ListenerRequest): Promise<ListenerAnswer[]> => Promise.all(listeners.map((listener) => ask(listener, request)))
  // The first streams bring code and buffers that all later ones share.
  const warmUp = startListener()
  await ask(warmUp, { open: WARM_UP_STREAMS, port: server.port })
  warmUp.disconnect()
  await cancelledJob(server.port)
  const before = await server.ask('memory')

  const opened = await askAll({ open: STREAMS / LISTENERS, port: server.port })
  const count = opened.reduce((sum, answer) => sum + answer.opened!, 0)
  if (count !== STREAMS) throw new Error(`${count} streams are open, not ${STREAMS}`)
  const idle = await server.ask('memory')

  const seconds: number[] = []
  for (let round = 0; round <= ROUNDS; round++) {
    const id = await futureJob(server.port)
    await askAll({ await: '"status":"cancelled"' })
    const received = Promise.all(listeners.map(answerOf))
    const begun = process.hrtime.bigint()
    await call(server.port, post(`/jobs/${id}/cancel`, {}))
    const ends = (await received).map((answer) => BigInt(answer.last!))
    // The first one compiles.
    if (round > 0) seconds.push(Number(ends.reduce((a, b) => a > b ? a : b) - begun) / 1e9)
  }
  for (const listener of listeners) listener.disconnect()
  await server.stop()
  return [
    {
      name: `Memory of ${COUNT} idle streams of GET /stream, each (resident, after a collection that gives free pages back)`,
      unit: 'KiB',
      rounds: [(idle.rss! - before.rss!) / STREAMS / 1024],
      bar: atMost(16)
    },
    {
      name: 'The same with the free pages that V8 keeps after an ordinary collection',
      unit: 'KiB',
      rounds: [(idle.rssKept! - before.rssKept!) / STREAMS / 1024],
      bar: undefined
    },
    {
      name: `One event to all ${COUNT} streams: from the request that causes it to the last byte`,
      unit: 's',
      rounds: seconds,
      bar: atMost(0.5)
    }
  ]
}

const startListener = (): ChildProcess => {
  const listener = fork(join(ROOT, 'bench', 'listeners.ts'), { execArgv: [], env: { PATH: process.env['PATH'] } })
  listener.on('exit', (code) => { if (code !== 0) throw new Error(`a listener ended (${String(code)})`) })
  return listener
}

const answerOf = async (listener: ChildProcess): Promise<ListenerAnswer> => {
  const [message] = await once(listener, 'message')
  return message as ListenerAnswer
}

const ask = (listener: ChildProcess, request: ListenerRequest): Promise<ListenerAnswer> => {
  const answered = answerOf(listener)
  listener.send(request)
  return answered
}

/** A job that waits for tomorrow: cancelling it makes exactly one event. */
const futureJob = async (port: number): Promise<string> => {
  const tomorrow = new Date(Date.now() + A_DAY_MS).toISOString()
  return (await call<{ job_id: string }>(port, post('/agents/watchdog/run', { run_at: tomorrow }))).job_id
}

const cancelledJob = async (port: number): Promise<void> => {
  await call(port, post(`/jobs/${await futureJob(port)}/cancel`, {}))
}
