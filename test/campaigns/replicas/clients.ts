// Clients of a fleet: they write with idempotency keys until they have an answer, read what they were promised, and note how long each answer took.
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, request, type Dispatcher } from 'undici'
import { campaignPolicy } from '../guards/kill-drafts.ts'
import type { Ledger } from '../kill/ledger.ts'
import type { Dice } from '../kill/random.ts'
import { probeAgents } from '../kill/script.ts'

export interface Tries {
  /** Answers of any kind. */
  answers: number
  /** 503 in our shape: come back later. */
  later: number
  /** No answer: the connection broke, or nothing came in time. */
  none: number
  /** When the last success came, and how long a run of failures before it lasted: milliseconds. */
  lastSuccessAt: number
  /** The longest time to an answer, milliseconds. */
  slowest: number
}

export interface ClientsOptions {
  origin: string
  ledger: Ledger
  dice: Dice
  writers: number
  signal: AbortSignal
}

export interface Clients {
  readonly tries: Tries
  /** The times of all answers since the last call, milliseconds. */
  takeTimes (): number[]
  /** Answers that contradict what was acknowledged. */
  readonly wrong: string[]
  /** Proposals that were approved: the change of each is to be made once. */
  readonly approved: string[]
  done: Promise<void>
}

interface Answer { status: number, body: Record<string, unknown> }

/** Nobody waits longer for one try. */
const TRY_MS = 3_000
const SESSIONS_A_WRITER = 3

export const startClients = ({ origin, ledger, dice, writers, signal }: ClientsOptions): Clients => {
  const dispatcher = new Agent({ connections: writers * 2, keepAliveTimeout: 4_000 })
  const tries: Tries = { answers: 0, later: 0, none: 0, lastSuccessAt: performance.now(), slowest: 0 }
  const wrong: string[] = []
  const approved: string[] = []
  let times: number[] = []

  const once = async (method: Dispatcher.HttpMethod, path: string, body?: object, key?: string): Promise<Answer | undefined> => {
    const begun = performance.now()
    try {
      const answer = await request(origin + path, {
        method,
        dispatcher,
        headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...(key === undefined ? {} : { 'idempotency-key': key }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(TRY_MS)
      })
      const parsed = await answer.body.json() as Record<string, unknown>
      const ms = performance.now() - begun
      tries.answers += 1
      tries.slowest = Math.max(tries.slowest, ms)
      times.push(ms)
      if (answer.statusCode === 503) {
        tries.later += 1
        if (typeof parsed['code'] !== 'string') wrong.push(`${method} ${path}: 503 in another shape: ${JSON.stringify(parsed).slice(0, 200)}`)
      } else if (answer.statusCode < 500) {
        tries.lastSuccessAt = performance.now()
      }
      return { status: answer.statusCode, body: parsed }
    } catch {
      tries.none += 1
      return undefined
    }
  }

  /** Again with the same key until there is a word: undefined when the campaign ends before, or for a refusal. */
  const write = async (path: string, body: object, accepted: number, refused: number[] = []): Promise<Record<string, unknown> | undefined> => {
    const key = randomUUID()
    while (!signal.aborted) {
      const answer = await once('POST', path, body, key)
      if (answer?.status === accepted) return answer.body
      if (answer !== undefined && refused.includes(answer.status)) return undefined
      // 409: an earlier try of ours is still being worked on.
      if (answer !== undefined && answer.status !== 503 && answer.status !== 409) {
        await sleep(20)
        ledger.unexpected.push(`POST ${path} answered ${answer.status} ${JSON.stringify(answer.body)}`)
        return undefined
      }
      await sleep(20 + dice.below(80))
    }
    ledger.unanswered += 1
    return undefined
  }

  /** What was acknowledged is there, whichever replica is asked. */
  const read = async (path: string, fits: (body: Record<string, unknown>) => boolean): Promise<void> => {
    const answer = await once('GET', path)
    if (answer === undefined || answer.status === 503) return
    if (answer.status !== 200 || !fits(answer.body)) wrong.push(`GET ${path} answered ${answer.status} ${JSON.stringify(answer.body).slice(0, 200)}`)
  }

  const messages = async (writer: number): Promise<void> => {
    const sessions: string[] = []
    for (let count = 0; !signal.aborted; count++) {
      if (sessions.length < SESSIONS_A_WRITER) {
        const opened = await write('/agents/session', {}, 201)
        if (opened === undefined) continue
        sessions.push(opened['session_id'] as string)
        ledger.sessions.add(opened['session_id'] as string)
        continue
      }
      const session = sessions[dice.below(sessions.length)]!
      const content = `w${writer}-${count}`
      const posted = await write('/agents/message', { session_id: session, role: 'user', content }, 200, [429])
      if (posted === undefined) continue
      const [message, job] = [posted['message_id'] as string, posted['job_id'] as string]
      ledger.messages.set(message, { session, content, job })
      ledger.jobs.add(job)
      await read(`/jobs/${job}`, (body) => body['id'] === job && body['session_id'] === session)
      if (dice.chance(0.2)) await read(`/agents/session/${session}/messages?limit=1000`, (body) => JSON.stringify(body).includes(`"${message}"`))
      await sleep(dice.below(40))
    }
  }

  const works = async (writer: number): Promise<void> => {
    const { name, event } = probeAgents[writer % probeAgents.length]!
    for (let count = 0; !signal.aborted; count++) {
      const n = writer * 1_000_000 + count
      if (dice.chance(0.5)) {
        const posted = await write('/events', { event_type: event, data: { n } }, 201)
        if (posted === undefined) continue
        ledger.events.set(posted['event_id'] as string, { type: event, n })
        for (const job of posted['jobs'] as string[]) ledger.jobs.add(job)
        await read(`/events/${posted['event_id'] as string}`, (body) => body['event_type'] === event || body['type'] === event)
      } else {
        const posted = await write(`/agents/${name}/run`, { input: { n } }, 202)
        if (posted === undefined) continue
        ledger.jobs.add(posted['job_id'] as string)
        await read(`/jobs/${posted['job_id'] as string}`, (body) => body['id'] === posted['job_id'])
      }
      await sleep(50 + dice.below(150))
    }
  }

  /** What the answer says, as soon as it says it. */
  const until = async (path: string, fits: (body: Record<string, unknown>) => boolean): Promise<Record<string, unknown> | undefined> => {
    while (!signal.aborted) {
      const answer = await once('GET', path)
      if (answer?.status === 200 && fits(answer.body)) return answer.body
      await sleep(50)
    }
    return undefined
  }

  /** Has changes of the shop proposed, and approves them. */
  const changes = async (): Promise<void> => {
    const { version } = await until('/policies', () => true) as { version: number }
    const saved = await once('PUT', '/policies', { expected_version: version, policy: campaignPolicy() }, randomUUID())
    if (saved?.status !== 200) throw new Error(`the policy was answered with ${saved?.status}`)
    for (let n = 0; !signal.aborted; n++) {
      const run = await write('/agents/proposer/run', { input: { class: n % 2 === 0 ? 'price_change' : 'order_tag', n: n >> 1 } }, 202)
      if (run === undefined) continue
      await until(`/jobs/${run['job_id'] as string}`, ({ status }) => status === 'succeeded' || status === 'failed' || status === 'dead')
      const list = await until(`/proposals?job_id=${run['job_id'] as string}`, () => true)
      const [proposal] = (list?.['proposals'] ?? []) as Array<{ id: string, plan_hash: string, status: string }>
      if (proposal?.status !== 'pending') continue
      const decided = await write(`/proposals/${proposal.id}/approve`, { plan_hash: proposal.plan_hash, actor: 'campaign' }, 200)
      if (decided !== undefined) approved.push(proposal.id)
      await sleep(dice.below(300))
    }
  }

  return {
    tries,
    wrong,
    approved,
    takeTimes () {
      const taken = times
      times = []
      return taken
    },
    done: Promise.all([changes(), ...Array.from({ length: writers }, (_, writer) => writer % 3 === 2 ? works(writer) : messages(writer))])
      .then(async () => { await dispatcher.destroy() })
  }
}
