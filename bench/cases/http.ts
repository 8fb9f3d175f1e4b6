// Requests per second against a bare Fastify: probes, messages, whole replies.
import { byLastChunk, call, get, post } from '../load.ts'
import type { MeasuredProcess } from '../process.ts'
import { compare, type Comparison } from '../rounds.ts'
import { atLeast, type Row } from '../rows.ts'

const SESSIONS = 2_000
const IDLE_POLL_MS = 10

export const healthz = async (ours: MeasuredProcess, bare: MeasuredProcess, connections: number): Promise<Row> => {
  const requests = () => [get('/healthz')]
  const comparison = await compare(connections, { process: ours, requests }, { process: bare, requests })
  return ratioRow(`GET /healthz, ${connections} connections`, comparison, 0.85)
}

const MESSAGES = {
  /** The message and its job are stored, and the same process writes the replies meanwhile. */
  answered: {
    name: 'POST /agents/message with its reply job, replies written meanwhile (role user), 64 connections', role: 'user', bar: 0.5
  },
  /** The same in a process that does no background work: the job waits for another one. */
  queued: { name: 'POST /agents/message with a reply job that waits (no background work), 64 connections', role: 'user' },
  stored: { name: 'POST /agents/message, only stored (role assistant), 64 connections', role: 'assistant' }
} as const

export const message = async (ours: MeasuredProcess, bare: MeasuredProcess, kind: keyof typeof MESSAGES): Promise<Row> => {
  const { name, role, ...rest } = MESSAGES[kind]
  const sessions = sessionsOf(ours)
  const requests = () => [post('/agents/message', { session_id: sessions.next(), role, content: 'say 1' })]
  const side = { process: ours, requests, prepare: sessions.open }
  const comparison = await compare(64, kind === 'queued' ? side : { ...side, settle: () => idle(ours) }, { process: bare, requests })
  return ratioRow(name, comparison, 'bar' in rest ? rest.bar : undefined)
}

/** From the message to the last byte of its streamed reply of ten deltas. */
export const reply = async (ours: MeasuredProcess, bare: MeasuredProcess, pace: 'at once' | 'slowly'): Promise<Row> => {
  const sessions = sessionsOf(ours)
  const comparison = await compare(10, {
    process: ours,
    complete: byLastChunk,
    prepare: sessions.open,
    settle: () => idle(ours),
    requests: () => {
      const id = sessions.next()
      const content = pace === 'at once' ? 'say 10' : 'say 10 slowly'
      return [post('/agents/message', { session_id: id, role: 'user', content }), get(`/agents/stream?session_id=${id}`)]
    }
  }, { process: bare, requests: () => [get('/healthz')] })
  return pace === 'at once'
    ? ratioRow('Message to complete streamed reply, 10 deltas, 10 at a time; bare: GET', comparison, 0.1)
    : ratioRow('The same, each delta in a turn of the event loop of its own', comparison)
}

const ratioRow = (name: string, { ours, bare, ratios }: Comparison, bar?: number): Row => ({
  name, unit: 'of bare', rounds: ratios, bar: bar === undefined ? undefined : atLeast(bar), ours, bare
})

/** Sessions to post to in turn: enough that a session gets a handful of messages a round, as a conversation has them. */
const sessionsOf = ({ port }: MeasuredProcess) => {
  let ids: string[] = []
  let at = 0
  return {
    async open (): Promise<void> {
      ids = []
      while (ids.length < SESSIONS) {
        const batch = Array.from({ length: 100 }, () => call<{ session_id: string }>(port, post('/agents/session', {})))
        ids.push(...(await Promise.all(batch)).map((one) => one.session_id))
      }
    },
    next (): string {
      at += 1
      return ids[at % ids.length]!
    }
  }
}

const idle = async ({ port }: MeasuredProcess): Promise<void> => {
  for (;;) {
    const total = async (status: string): Promise<number> =>
      (await call<{ total: number }>(port, get(`/jobs?limit=1&status=${status}`))).total
    if (await total('queued') + await total('running') === 0) return
    await new Promise((resolve) => { setTimeout(resolve, IDLE_POLL_MS) })
  }
}
