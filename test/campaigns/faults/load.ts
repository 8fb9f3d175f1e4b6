// The same load all the time: people who ask for health and post messages at a fixed pace, whether or not the last answer has come.
import { Agent, request } from 'node:http'

export interface Slice {
  /** Milliseconds, of answers to requests that were due in the slice. */
  health: number[]
  message: number[]
  /** Answers of /readyz that said "not ready", or none. */
  flips: number
  polls: number
  /** Answers that were not 200, with what they were. */
  bad: string[]
}

export interface Load {
  /** Takes what was measured since the last time. */
  take (): Slice
  stop (): void
}

const HEALTH_EVERY_MS = 8
const MESSAGE_EVERY_MS = 12
const READY_EVERY_MS = 100
const SESSIONS = 8

/** `role` of the messages: `user` has each answered by the assistant, `assistant` stores them. */
export const startLoad = async (origin: string, role: 'user' | 'assistant'): Promise<Load> => {
  const agent = new Agent({ keepAlive: true, maxSockets: 32 })
  let slice = empty()
  let stopped = false

  const send = (method: string, path: string, body?: object): Promise<{ status: number, text: string, ms: number }> => new Promise((resolve) => {
    const startedAt = performance.now()
    const text = body === undefined ? undefined : JSON.stringify(body)
    const outgoing = request(origin + path, {
      method, agent, headers: text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }
    }, (answer) => {
      let received = ''
      answer.setEncoding('utf8')
      answer.on('data', (piece: string) => { received += piece })
      answer.on('end', () => { resolve({ status: answer.statusCode ?? 0, text: received, ms: performance.now() - startedAt }) })
    })
    outgoing.on('error', (error) => { resolve({ status: 0, text: error.message, ms: performance.now() - startedAt }) })
    outgoing.end(text)
  })

  const sessions: string[] = []
  for (let n = 0; n < SESSIONS; n++) sessions.push((JSON.parse((await send('POST', '/agents/session')).text) as { session_id: string }).session_id)

  const measured = (list: 'health' | 'message', what: string) => ({ status, text, ms }: { status: number, text: string, ms: number }): void => {
    if (stopped) return
    slice[list].push(ms)
    if (status !== 200) slice.bad.push(`${what}: ${status} ${text.slice(0, 100)}`)
  }
  let turn = 0
  const timers = [
    every(HEALTH_EVERY_MS, () => { send('GET', '/healthz').then(measured('health', '/healthz'), () => {}) }),
    every(MESSAGE_EVERY_MS, () => {
      const message = { session_id: sessions[turn++ % SESSIONS], role, content: 'What can you do?' }
      send('POST', '/agents/message', message).then(measured('message', 'POST /agents/message'), () => {})
    }),
    every(READY_EVERY_MS, () => {
      send('GET', '/readyz').then(({ status, text }) => {
        if (stopped) return
        slice.polls += 1
        if (status !== 200 || !text.includes('"ready":true')) slice.flips += 1
      }, () => {})
    })
  ]
  return {
    take () {
      const taken = slice
      slice = empty()
      return taken
    },
    stop () {
      stopped = true
      for (const timer of timers) clearInterval(timer)
      agent.destroy()
    }
  }
}

const every = (ms: number, fn: () => void): NodeJS.Timeout => setInterval(fn, ms)

const empty = (): Slice => ({ health: [], message: [], flips: 0, polls: 0, bad: [] })

export const quantile = (values: number[], fraction: number): number =>
  values.toSorted((a, b) => a - b)[Math.min(values.length - 1, Math.ceil(values.length * fraction) - 1)] ?? NaN

export const median = (values: number[]): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
