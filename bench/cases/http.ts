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

/** Role `assistant` is only stored; role `user` is stored with its reply job, and replies are written at the same time. */
export const message = async (ours: MeasuredProcess, bare: MeasuredProcess, role: 'assistant' | 'user'): Promise<Row> => {
  const sessions = sessionsOf(ours)
  const requests = () => [post('/agents/message', { session_id: sessions.next(), role, content: 'say 1' })]
  const comparison = await compare(64,
    { process: ours, requests, prepare: sessions.open, settle: () => idle(ours) },
    { process: bare, requests })
  return role === 'user'
    ? ratioRow('POST /agents/message with its reply job (role user), 64 connections', comparison, 0.5)
    : ratioRow('POST /agents/message without a reply (role assistant), 64 connections', comparison)
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
    const [queued, running] = await Promise.all(['queued', 'running'].map((status) => call<{ total: number }>(port, get(`/jobs?limit=1&status=${status}`))))
    if (queued!.total + running!.total === 0) return
    await new Promise((resolve) => { setTimeout(resolve, IDLE_POLL_MS) })
  }
}
