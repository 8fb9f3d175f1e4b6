// The campaign: requests with keys, sent again and again, many at once and across kills of the server; at the end each key has one effect.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createDice, type Dice } from '../kill/random.ts'
import { launch, type RunningServer } from '../kill/server-process.ts'
import { countUnanswered, effectsOf } from './effects.ts'

export interface CampaignOptions {
  /** Requests beyond the first of each key. */
  retries: number
  kills: number
  seed: number
  /** The server ignores the keys. */
  control?: boolean
  report?: (sentence: string) => void
}

export interface CampaignResult {
  keys: number
  requests: number
  races: number
  kills: number
  /** Requests that a kill cut off. */
  cut: number
  /** Keys whose effect was there, and whose answer was not, when the server died. */
  unanswered: number
  inProgress: number
  replayed: number
  /** Keys with more than one effect, and with none. */
  doubled: string[]
  missing: string[]
  /** Keys whose answers were not all the same. */
  differing: string[]
  unexpected: string[]
  seconds: number
}

interface Keyed {
  key: string
  url: string
  body: unknown
  answers: Set<string>
}

const WRITERS = 16
const RACE = 100
const RACE_EVERY = 40
const TIMES = 5
const LONGEST_LIFE_MS = 500

export const runCampaign = async ({ retries, kills, seed, control = false, report }: CampaignOptions): Promise<CampaignResult> => {
  const begun = performance.now()
  const dir = mkdtempSync(join(tmpdir(), 'idempotency-'))
  const result: CampaignResult = {
    keys: 0,
    requests: 0,
    races: 0,
    kills: 0,
    cut: 0,
    unanswered: 0,
    inProgress: 0,
    replayed: 0,
    doubled: [],
    missing: [],
    differing: [],
    unexpected: [],
    seconds: 0
  }
  const start = (): Promise<RunningServer> => launch(dir, control ? 'ignore-keys' : undefined).running
  let server = await start()
  const stage = { ready: Promise.resolve(server), over: false }
  const session = await openSession(server.origin)
  const all: Keyed[] = []

  const ask = async (one: Keyed): Promise<void> => {
    for (;;) {
      const { origin } = await stage.ready
      result.requests += 1
      try {
        const answer = await fetch(`${origin}${one.url}`, {
          method: 'POST', headers: { 'content-type': 'application/json', 'idempotency-key': one.key }, body: JSON.stringify(one.body)
        })
        const text = await answer.text()
        if (answer.ok) {
          one.answers.add(text)
          if (answer.headers.get('idempotency-replayed') === 'true') result.replayed += 1
          return
        }
        if (answer.status !== 409 || !text.includes('idempotency_in_progress')) {
          result.unexpected.push(`${one.url} ${one.key}: ${answer.status} ${text.slice(0, 300)}`)
          return
        }
        result.inProgress += 1
      } catch {
        result.cut += 1
      }
      await sleep(5)
    }
  }

  const writer = async (dice: Dice): Promise<void> => {
    while (result.requests - all.length < retries || result.kills < kills) {
      const one = newRequest(all.length, dice, session)
      all.push(one)
      if (all.length % RACE_EVERY === 0) {
        result.races += 1
        await Promise.all(Array.from({ length: RACE }, () => ask(one)))
      } else {
        for (let time = 0; time < TIMES; time++) await ask(one)
      }
    }
  }

  const killer = async (dice: Dice): Promise<void> => {
    while (result.kills < kills) {
      await sleep(dice.below(LONGEST_LIFE_MS))
      const next = Promise.withResolvers<RunningServer>()
      stage.ready = next.promise
      await server.kill()
      result.kills += 1
      result.unanswered += countUnanswered(dir)
      server = await start()
      next.resolve(server)
      if (result.kills % 25 === 0) report?.(`${result.kills} kills, ${result.requests} requests of ${all.length} keys`)
    }
  }

  try {
    await Promise.all([killer(createDice(seed)), ...Array.from({ length: WRITERS }, (_, index) => writer(createDice(seed + 1 + index)))])
    await server.stop()
  } catch (error) {
    await server.kill().catch(() => {})
    throw error
  }
  const effects = effectsOf(dir)
  result.keys = all.length
  for (const { key, answers } of all) {
    // A session has no mark of its own: it is known by its answer, and by there being no other.
    const found = (answer: string): boolean => effects.sessions.has((JSON.parse(answer) as { session_id: string }).session_id)
    const count = key.startsWith('session') ? [...answers].filter(found).length : effects.marks.get(key) ?? 0
    if (count > 1) result.doubled.push(key)
    if (count === 0) result.missing.push(key)
    if (answers.size !== 1) result.differing.push(key)
  }
  const wanted = 1 + all.filter(({ key }) => key.startsWith('session')).length
  if (effects.sessions.size !== wanted) result.doubled.push(`${effects.sessions.size} sessions instead of ${wanted}`)
  rmSync(dir, { recursive: true, force: true })
  return { ...result, seconds: (performance.now() - begun) / 1000 }
}

export const isClean = ({ doubled, missing, differing, unexpected }: CampaignResult): boolean =>
  [doubled, missing, differing, unexpected].every((faults) => faults.length === 0)

const openSession = async (origin: string): Promise<string> =>
  (await (await fetch(`${origin}/agents/session`, { method: 'POST' })).json() as { session_id: string }).session_id

const newRequest = (n: number, dice: Dice, session: string): Keyed => {
  const kinds = [
    { kind: 'session', url: '/agents/session', body: () => ({}) },
    // Stored without a reply: thousands of them in one session would wait for each other.
    { kind: 'message', url: '/agents/message', body: (mark: string) => ({ session_id: session, role: 'assistant', content: mark }) },
    { kind: 'event', url: '/events', body: (mark: string) => ({ event_type: 'probe.1', data: { n, mark } }) },
    { kind: 'run', url: '/agents/probe_0/run', body: (mark: string) => ({ input: { n, mark } }) },
    { kind: 'freeze', url: '/freeze', body: (mark: string) => ({ scope: 'class:refund', reason: mark }) },
    { kind: 'schedule', url: '/schedules', body: (mark: string) => ({ id: mark, agent: 'watchdog', cron: '0 6 1 1 *' }) }
  ]
  const { kind, url, body } = kinds[dice.below(kinds.length)]!
  const key = `${kind}-${n}`
  return { key, url, body: body(key), answers: new Set() }
}
