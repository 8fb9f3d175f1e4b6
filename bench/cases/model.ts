// From a message to the first piece of its reply by a language model, over the time that the model itself takes.
import { setTimeout as sleep } from 'node:timers/promises'
import { silentLogger } from '../../src/core/log.ts'
import { startSandbox } from '../../sandbox/index.ts'
import { firstDeltas } from '../first-deltas.ts'
import { call, get, post } from '../load.ts'
import { startProcess } from '../process.ts'
import { median, ROUNDS } from '../rounds.ts'
import { atMost, type Row } from '../rows.ts'

const CLIENTS = 50
const TIMES = 4
/** The model begins after 200 ms and writes for half a second: 50 replies are being written at any time. */
const PACE = { first_ms: 200, every_ms: 20, deltas: 25 }
/** What the model says with these settings, in its own answer and in ours. */
const FIRST_PIECE = /"content":"delta 1 of/
const SPREAD_MS = 700
const WARM_UPS = 2

export const model = async (dir: string): Promise<Row[]> => {
  const sandbox = await startSandbox({ upstreams: ['llm'], log: silentLogger })
  const base = new URL(sandbox.addresses.llm!)
  const { api_key: key, model: name } = sandbox.credentials.llm
  const ours = await startProcess('server.ts', dir, {
    BENCH_ASSISTANT: 'own', OPENAI_BASE_URL: `${base.origin}/v1`, OPENAI_API_KEY: key, OPENAI_MODEL: name
  })
  try {
    await fetch(`${sandbox.addresses.control}/_sandbox/llm`, {
      method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify(PACE)
    })
    const question = 'How are you?'
    const alone = (): Promise<number[]> => firstDeltas({
      port: Number(base.port),
      clients: CLIENTS,
      times: TIMES,
      spreadMs: SPREAD_MS,
      requests: () => [completion(key, { model: name, stream: true, messages: [{ role: 'user', content: question }] })],
      first: FIRST_PIECE,
      last: /\[DONE\]/
    })
    const through = async (): Promise<number[]> => {
      const sessions: string[] = []
      for (let n = 0; n < CLIENTS * TIMES; n++) sessions.push((await call<{ session_id: string }>(ours.port, post('/agents/session', {}))).session_id)
      return firstDeltas({
        port: ours.port,
        clients: CLIENTS,
        times: TIMES,
        spreadMs: SPREAD_MS,
        requests: () => {
          const id = sessions.pop()!
          return [post('/agents/message', { session_id: id, role: 'user', content: question }), get(`/agents/stream?session_id=${id}`)]
        },
        first: FIRST_PIECE,
        last: /"type":"done"/
      })
    }
    const rounds: number[] = []
    const sides: Array<{ ours: number, alone: number }> = []
    for (let round = -WARM_UPS; round < ROUNDS; round++) {
      const by = { alone: median(await alone()), ours: median(await through()) }
      await sleep(100)
      if (round < 0) continue
      rounds.push(by.ours - by.alone)
      sides.push(by)
    }
    return [{
      name: 'First piece of a streamed reply over the model\'s own, 50 replies at a time, p50; bare: the model alone',
      unit: 'ms',
      rounds,
      bar: atMost(5),
      of: { ours: median(sides.map((side) => side.ours)), bare: median(sides.map((side) => side.alone)), unit: 'ms' }
    }]
  } finally {
    await ours.stop()
    await sandbox.close()
  }
}

const completion = (key: string, body: object): string => {
  const json = JSON.stringify(body)
  return `POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${key}\r\ncontent-type: application/json\r\n` +
    `content-length: ${Buffer.byteLength(json)}\r\n\r\n${json}`
}
