// Fifty callers that never try a request twice: what fails, failed because somebody stopped. Streams alone come back, as EventSource does.
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, request, type Dispatcher } from 'undici'
import { openStream, type Frame } from '../../helpers/event-source.ts'

export interface Callers {
  requests: number
  failures: string[]
  failed: number
  streams: { read: number, events: number, reconnects: number, lost: number, doubled: number, unequal: number }
  done: Promise<void>
}

export interface CallersOptions {
  /** Where the next request goes. */
  origin: () => string
  signal: AbortSignal
}

const GETTERS = 20
const POSTERS = 20
const STREAMERS = 10
const PAUSE_MS = 20
const FAILURES_SHOWN = 5

export const startCallers = ({ origin, signal }: CallersOptions): Callers => {
  const dispatcher = new Agent({ connections: GETTERS + POSTERS + STREAMERS, keepAliveTimeout: 4_000 })
  const callers: Callers = {
    requests: 0, failures: [], failed: 0, streams: { read: 0, events: 0, reconnects: 0, lost: 0, doubled: 0, unequal: 0 }, done: Promise.resolve()
  }
  const fail = (what: string): undefined => {
    callers.failed += 1
    if (callers.failures.length < FAILURES_SHOWN) callers.failures.push(what)
    return undefined
  }
  const call = async (method: Dispatcher.HttpMethod, path: string, status: number, body?: object): Promise<Record<string, unknown> | undefined> => {
    callers.requests += 1
    const to = origin()
    try {
      const answer = await request(to + path, {
        method,
        dispatcher,
        headers: body === undefined ? {} : { 'content-type': 'application/json', 'idempotency-key': randomUUID() },
        ...(body === undefined ? {} : { body: JSON.stringify(body) })
      })
      const text = await answer.body.text()
      if (answer.statusCode === status) return JSON.parse(text) as Record<string, unknown>
      return fail(`${method} ${path} answered ${answer.statusCode} ${text.slice(0, 200)}`)
    } catch (error) {
      return fail(`${method} ${to}${path}: ${(error as Error).message}`)
    }
  }

  const get = async (): Promise<void> => {
    while (!signal.aborted) {
      await call('GET', '/agents?limit=5', 200)
      await call('GET', '/jobs?limit=1', 200)
      await sleep(PAUSE_MS)
    }
  }
  const post = async (): Promise<void> => {
    for (let count = 0; !signal.aborted; count++) {
      const event = await call('POST', '/events', 201, { event_type: 'campaign.rolling', data: { count } })
      if (event !== undefined) await call('GET', `/events/${event['event_id'] as string}`, 200)
      await sleep(PAUSE_MS)
    }
  }
  const stream = async (): Promise<void> => {
    while (!signal.aborted) {
      const session = await call('POST', '/agents/session', 201, {})
      if (session === undefined) continue
      const id = session['session_id'] as string
      const posted = await call('POST', '/agents/message', 200, { session_id: id, role: 'user', content: 'Which agents are there, and what do they do?' })
      if (posted === undefined) continue
      const frames = await readToEnd(id)
      callers.streams.read += 1
      callers.streams.events += frames.length
      const said = frames.filter(({ data }) => data['type'] === 'delta').map(({ data }) => data['content'] as string).join('')
      const list = await call('GET', `/agents/session/${id}/messages`, 200)
      const replies = ((list?.['messages'] ?? list?.['items'] ?? []) as Array<{ role: string, content: string }>).filter(({ role }) => role === 'assistant')
      if (list !== undefined && (replies.length !== 1 || replies[0]!.content !== said)) callers.streams.unequal += 1
    }
  }
  /** Comes back with the last id until the reply has ended. */
  const readToEnd = async (session: string): Promise<Frame[]> => {
    const frames: Frame[] = []
    let last = 0
    for (;;) {
      const reader = openStream(`${origin()}/agents/stream?session_id=${session}`, last === 0 ? {} : { lastEventId: String(last) })
      reader.opened.catch(() => {})
      await reader.closed
      for (const frame of reader.frames) {
        if (frame.id === undefined) continue
        if (frame.id <= last) callers.streams.doubled += 1
        if (frame.id > last + 1) callers.streams.lost += frame.id - last - 1
        last = frame.id
        frames.push(frame)
      }
      if (frames.at(-1)?.data['type'] === 'done') return frames
      callers.streams.reconnects += 1
      await sleep(PAUSE_MS)
    }
  }

  callers.done = Promise.all([
    ...Array.from({ length: GETTERS }, get), ...Array.from({ length: POSTERS }, post), ...Array.from({ length: STREAMERS }, stream)
  ]).then(async () => { await dispatcher.destroy() })
  return callers
}
