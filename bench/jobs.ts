// Jobs through the durable store, without HTTP: each is enqueued, claimed and settled in commits that are flushed to the disk.
import { join } from 'node:path'
import { openStore } from '../src/store/index.ts'
import { serveControl } from './control.ts'
import { newJob } from './new-job.ts'
import { ROUNDS } from './rounds.ts'

const IN_FLIGHT = 64
const ROUND_MS = 2_000
const CLAIM_AT_MOST = 32
const LEASE_MS = 10_000

const store = await openStore({ file: join(process.env['DATA_DIR']!, 'jobs.sqlite') })

/** Whoever enqueued a job waits here for its end. */
const waiting = new Map<string, () => void>()
let claiming = false
let wanted = false
let tokens = 0

const settle = async (id: string, token: string): Promise<void> => {
  const result = await store.settle({ id, token, session_id: null, now: Date.now(), settlement: { status: 'succeeded', output: { ok: true } }, events: [] })
  if (result.outcome !== 'settled') throw new Error(`job ${id}: ${result.outcome}`)
  waiting.get(id)!()
  waiting.delete(id)
}

// As a worker of the server does it: woken by commits, up to 32 jobs a claim, one settlement a job.
const claim = async (): Promise<void> => {
  wanted = true
  if (claiming) return
  claiming = true
  while (wanted) {
    wanted = false
    tokens += 1
    const now = Date.now()
    const jobs = await store.claim({
      queue: 'agents', limit: CLAIM_AT_MOST, now, lease: { worker: 'bench', token: `bench.${tokens}`, until: now + LEASE_MS }
    })
    if (jobs.length === CLAIM_AT_MOST) wanted = true
    for (const job of jobs) settle(job.id, job.lease_token!).catch(fail)
  }
  claiming = false
}

const fail = (error: unknown): never => { throw error }

store.subscribe((notice) => { if (notice.queues.has('agents')) claim().catch(fail) })

const round = async (milliseconds: number): Promise<number> => {
  const begun = performance.now()
  let done = 0
  await Promise.all(Array.from({ length: IN_FLIGHT }, async () => {
    while (performance.now() - begun < milliseconds) {
      const job = newJob()
      const ended = new Promise<void>((resolve) => { waiting.set(job.id, resolve) })
      await store.enqueue({ jobs: [job], now: job.created_at })
      await ended
      done += 1
    }
  }))
  return done / ((performance.now() - begun) / 1000)
}

await round(ROUND_MS / 2)
const rounds: number[] = []
for (let index = 0; index < ROUNDS; index++) rounds.push(await round(ROUND_MS))
await store.close()
serveControl({ rounds })
