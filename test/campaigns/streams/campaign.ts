// Readers of replies that are cut off again and again, each time at another byte, and come back to whichever replica they hit.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { request } from 'undici'
import { openStream } from '../../helpers/event-source.ts'
import { freePort } from '../../helpers/free-port.ts'
import { startDatabase } from '../cluster/database.ts'
import { launchReplica } from '../cluster/fleet.ts'
import { createDice, type Dice } from '../kill/random.ts'
import { replyPieces } from '../kill/script.ts'

export interface CampaignOptions {
  streams: number
  /** Of each stream. */
  cuts: number
  seed: number
  control?: boolean
  report?: (sentence: string) => void
}

export interface CampaignResult {
  streams: number
  cuts: number
  events: number
  lost: number
  doubled: number
  reordered: number
  /** Whose text is not what the assistant said. */
  unequal: number
  /** Answers that are not a stream. */
  refused: string[]
  seconds: number
}

const REPLICAS = 2
/** Readers at a time, and readers of one reply. */
const AT_ONCE = 100
const READERS_A_REPLY = 20
/** Longest and shortest text that is asked for, characters: a cut should mostly fall in the middle of an event. */
const CONTENT = { shortest: 100, longest: 600 }
const LONGEST_READ = 500

export const runCampaign = async (options: CampaignOptions): Promise<CampaignResult> => {
  const begun = performance.now()
  const dir = mkdtempSync(join(tmpdir(), 'orchestrator-streams-'))
  const closers: Array<() => Promise<unknown>> = []
  const dice = createDice(options.seed)
  const result: CampaignResult = { streams: 0, cuts: 0, events: 0, lost: 0, doubled: 0, reordered: 0, unequal: 0, refused: [], seconds: 0 }
  try {
    const database = await startDatabase()
    closers.push(() => database.close())
    const replicas = await Promise.all(Array.from({ length: REPLICAS }, async (_, index) => launchReplica({
      name: `replica${index}`,
      role: 'all',
      port: await freePort(),
      databaseUrl: database.url,
      dir,
      environment: options.control === true ? { CONTROL: 'lossy-streams' } : {}
    })))
    closers.push(async () => { for (const replica of replicas) if (replica.alive()) await replica.kill() })
    const origin = (): string => replicas[dice.below(replicas.length)]!.origin
    const replies = repliesOf(origin, dice)
    const readers = async (): Promise<void> => {
      while (result.streams < options.streams) {
        result.streams += 1
        if (result.streams % 1_000 === 0) options.report?.(`${result.streams} streams, ${result.cuts} cuts`)
        const reply = await replies()
        await read(reply, { origin, dice, cuts: options.cuts, result })
      }
    }
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, options.streams) }, readers))
    return { ...result, seconds: (performance.now() - begun) / 1000 }
  } finally {
    for (const close of closers.reverse()) await close().catch(() => {})
    rmSync(dir, { recursive: true, force: true })
  }
}

interface Reply { session: string, content: string }

/** A message that is just being answered, for as many readers as share it. */
const repliesOf = (origin: () => string, dice: Dice): (() => Promise<Reply>) => {
  let current: Promise<Reply> | undefined
  let left = 0
  return () => {
    if (left === 0 || current === undefined) {
      left = READERS_A_REPLY
      current = ask(origin, 'x'.repeat(CONTENT.shortest + dice.below(CONTENT.longest - CONTENT.shortest)))
    }
    left -= 1
    return current
  }
}

const ask = async (origin: () => string, content: string): Promise<Reply> => {
  const post = async (path: string, body: object): Promise<Record<string, unknown>> => {
    const answer = await request(origin() + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
    const parsed = await answer.body.json() as Record<string, unknown>
    if (answer.statusCode >= 300) throw new Error(`POST ${path} answered ${answer.statusCode} ${JSON.stringify(parsed)}`)
    return parsed
  }
  const { session_id: session } = await post('/agents/session', {}) as { session_id: string }
  await post('/agents/message', { session_id: session, role: 'user', content })
  return { session, content }
}

const read = async (
  { session, content }: Reply, { origin, dice, cuts, result }: { origin: () => string, dice: Dice, cuts: number, result: CampaignResult }
): Promise<void> => {
  let last = 0
  let said = ''
  for (let cut = 0; ; cut++) {
    const reader = openStream(`${origin()}/agents/stream?session_id=${session}`, {
      ...(last === 0 ? {} : { lastEventId: String(last) }), ...(cut < cuts ? { cutAfter: 1 + dice.below(LONGEST_READ) } : {})
    })
    const { status } = await reader.opened
    if (status !== 200) {
      result.refused.push(`${status} after ${last}`)
      return
    }
    if (await reader.closed === 'cut') result.cuts += 1
    for (const { id, data } of reader.frames) {
      if (id === undefined) continue
      result.events += 1
      if (id <= last) {
        if (id === last) result.doubled += 1
        else result.reordered += 1
        continue
      }
      result.lost += id - last - 1
      last = id
      if (data['type'] === 'delta') said += data['content'] as string
      if (data['type'] !== 'done') continue
      if (said !== replyPieces(content).join('')) result.unequal += 1
      return
    }
  }
}
