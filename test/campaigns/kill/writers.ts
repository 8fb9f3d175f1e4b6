// The writers: HTTP clients that post messages, events and agent runs as fast as they get answers, and note what was acknowledged.
import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Ledger } from './ledger.ts'
import type { Dice } from './random.ts'
import { probeAgents } from './script.ts'

export interface WritersOptions {
  ledger: Ledger
  dice: Dice
  /** The server to write to; waits while there is none, and answers undefined when the campaign is over. */
  origin (): Promise<string | undefined>
  /** After every acknowledgement, before anything else happens: here a kill hits just after the answer. */
  onAcknowledged (): void
}

const MESSAGE_WRITERS = 8
const EVENT_WRITERS = 4
const RUN_WRITERS = 4
const SESSIONS_A_WRITER = 3
/** A pause now and then lets the queues empty, so that kills find both full and idle servers. */
const PAUSE_MS = 30
const REQUEST_TIMEOUT_MS = 30_000

interface Answer { status: number, body: Record<string, unknown> }

/** Resolves when all 16 have stopped. */
export const write = async (options: WritersOptions): Promise<void> => {
  await Promise.all([
    ...Array.from({ length: MESSAGE_WRITERS }, (_, index) => messages(options, `m${index}`)),
    ...Array.from({ length: EVENT_WRITERS }, (_, index) => events(options, index)),
    ...Array.from({ length: RUN_WRITERS }, (_, index) => runs(options, index))
  ])
}

const messages = async (options: WritersOptions, writer: string): Promise<void> => {
  const { ledger, dice } = options
  const sessions: string[] = []
  await loop(options, writer, async (post, count) => {
    if (sessions.length < SESSIONS_A_WRITER) {
      const opened = await post('/agents/session', {}, [201])
      if (opened === undefined) return
      sessions.push(opened['session_id'] as string)
      ledger.sessions.add(opened['session_id'] as string)
      options.onAcknowledged()
      return
    }
    const session = sessions[dice.below(sessions.length)]!
    const content = `${writer}-${count}`
    // 429: this session has as many unanswered messages as it may have.
    const posted = await post('/agents/message', { session_id: session, role: 'user', content }, [200], [429])
    if (posted === undefined) return
    ledger.messages.set(posted['message_id'] as string, { session, content, job: posted['job_id'] as string })
    ledger.jobs.add(posted['job_id'] as string)
    options.onAcknowledged()
  })
}

const events = async (options: WritersOptions, index: number): Promise<void> => {
  const { ledger } = options
  const type = probeAgents[index % probeAgents.length]!.event
  await loop(options, `e${index}`, async (post, count, wait) => {
    const posted = await post('/events', { event_type: type, data: { n: count } }, [201])
    if (posted === undefined) return
    ledger.events.set(posted['event_id'] as string, { type, n: count })
    for (const job of posted['jobs'] as string[]) ledger.jobs.add(job)
    options.onAcknowledged()
    await wait((posted['jobs'] as string[])[0]!)
  })
}

const runs = async (options: WritersOptions, index: number): Promise<void> => {
  const { ledger } = options
  const { name } = probeAgents[index % probeAgents.length]!
  await loop(options, `r${index}`, async (post, count, wait) => {
    const posted = await post(`/agents/${name}/run`, { input: { n: count } }, [202])
    if (posted === undefined) return
    ledger.jobs.add(posted['job_id'] as string)
    options.onAcknowledged()
    await wait(posted['job_id'] as string)
  })
}

type Post = (path: string, body: object, accepted: number[], refused?: number[]) => Promise<Record<string, unknown> | undefined>
type Turn = (post: Post, count: number, wait: (job: string) => Promise<void>) => Promise<void>

const loop = async (options: WritersOptions, writer: string, turn: Turn): Promise<void> => {
  const { ledger, dice } = options
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  try {
    for (let count = 0; ; count++) {
      const origin = await options.origin()
      if (origin === undefined) return
      const post: Post = async (path, body, accepted, refused = []) => {
        const answer = await send(agent, 'POST', origin + path, body)
        if (answer === undefined) {
          ledger.unanswered += 1
        } else if (accepted.includes(answer.status)) {
          return answer.body
        } else if (!refused.includes(answer.status)) {
          ledger.unexpected.push(`${writer}: POST ${path} answered ${answer.status} ${JSON.stringify(answer.body)}`)
        }
        // Whatever went wrong, the next turn does not hammer at it.
        await sleep(1)
        return undefined
      }
      // Half of the agents' jobs are waited for: a queue that only grows would never be finished.
      const wait = async (job: string): Promise<void> => {
        if (dice.chance(0.5)) await send(agent, 'GET', `${origin}/jobs/${job}?wait=2`)
      }
      await turn(post, count, wait)
      if (dice.chance(0.3)) await sleep(dice.below(PAUSE_MS))
    }
  } finally {
    agent.destroy()
  }
}

/** The whole answer; undefined when the connection broke before its end. */
const send = (agent: Agent, method: string, url: string, body?: object): Promise<Answer | undefined> => new Promise((resolve) => {
  const broken = (): void => { resolve(undefined) }
  const headers = body === undefined ? {} : { 'content-type': 'application/json' }
  const outgoing = request(url, { agent, method, headers, timeout: REQUEST_TIMEOUT_MS }, (incoming) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => { chunks.push(chunk) })
    incoming.on('error', broken)
    incoming.on('close', broken)
    incoming.on('end', () => {
      if (!incoming.complete) return
      resolve({ status: incoming.statusCode!, body: JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown> })
    })
  })
  outgoing.on('error', broken)
  outgoing.on('timeout', () => { outgoing.destroy() })
  outgoing.end(body === undefined ? undefined : JSON.stringify(body))
})
