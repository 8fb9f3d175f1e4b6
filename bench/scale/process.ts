// One of several processes on the same database: does one kind of work for a while, many at a time, and says how much it did.
import { newId } from '../../src/core/ids.ts'
import { newReplyJob } from '../../src/core/replies.ts'
import type { Job, JobQueue } from '../../src/core/model.ts'
import { openStore } from '../../src/store/index.ts'
import { newJob } from '../new-job.ts'

export interface Assignment {
  work: 'messages' | 'replies' | 'jobs'
  milliseconds: number
}

export interface Done {
  count: number
  /** Processor time of this process, milliseconds. */
  cpuMs: number
}

const IN_FLIGHT = 128
const SESSIONS = 64
const CLAIM_AT_MOST = 32
const LEASE_MS = 30_000
const DELTAS = 6

const store = await openStore({ url: process.env['DATABASE_URL']!, timeoutMs: 10_000 })
const worker = newId()
let tokens = 0
const waiting = new Map<string, () => void>()
const draining = false

store.subscribe(({ finished, queues }) => {
  for (const id of finished) waiting.get(id)?.()
  for (const queue of queues) claim(queue).catch(fail)
})

const fail = (error: unknown): never => { throw error }

const claiming = new Set<JobQueue>()
const wanted = new Set<JobQueue>()

const claim = async (queue: JobQueue): Promise<void> => {
  wanted.add(queue)
  if (claiming.has(queue) || draining) return
  claiming.add(queue)
  while (wanted.delete(queue)) {
    tokens += 1
    const now = Date.now()
    const jobs = await store.claim({ queue, limit: CLAIM_AT_MOST, now, lease: { worker, token: `${worker}.${tokens}`, until: now + LEASE_MS } })
    if (jobs.length === CLAIM_AT_MOST) wanted.add(queue)
    for (const job of jobs) (queue === 'replies' ? reply(job) : end(job)).catch(fail)
  }
  claiming.delete(queue)
}

const end = async (job: Job): Promise<void> => {
  await store.settle({
    id: job.id, token: job.lease_token!, session_id: null, now: Date.now(), settlement: { status: 'succeeded', output: { ok: true } }, events: []
  })
}

/** Six deltas, each in a commit of its own, then the reply with its end. */
const reply = async (job: Job): Promise<void> => {
  const stream = job.session_id!
  const { message_id: id, reply_to: replyTo } = job.payload as { message_id: string, reply_to: string }
  const event = (data: object, final = false) => ({ stream, name: 'message', data: JSON.stringify(data), job_id: job.id, final })
  for (let delta = 0; delta < DELTAS; delta++) {
    await store.appendEvents({ job_id: job.id, token: job.lease_token!, now: Date.now(), events: [event({ type: 'delta', content: `piece ${delta} of it ` })] })
  }
  await store.settle({
    id: job.id,
    token: job.lease_token!,
    session_id: stream,
    now: Date.now(),
    settlement: { status: 'succeeded', output: {} },
    events: [event({ type: 'done' }, true)],
    message: {
      id, session_id: stream, role: 'assistant', content: 'all of it', created_at: Date.now(), reply_to: replyTo, job_id: job.id, status: 'complete'
    }
  })
}

const ended = (id: string): Promise<void> => new Promise((resolve) => {
  waiting.set(id, () => {
    waiting.delete(id)
    resolve()
  })
})

/** A message with its reply job. Those that nobody is to answer are planned for another day. */
const say = async (session: string, answered: boolean): Promise<string> => {
  const id = newId()
  const job = newReplyJob({ session_id: session, reply_to: id, strategy: 'enqueue', now: Date.now() + (answered ? 0 : 86_400_000) })
  const wait = answered ? ended(job.id) : undefined
  const { outcome } = await store.addMessage({
    id, session_id: session, role: 'user', content: 'What is in stock?', now: Date.now(), reply: { job, strategy: 'enqueue', max_queued: 1_000_000 }
  })
  if (outcome !== 'stored') throw new Error(outcome)
  await wait
  return job.id
}

const sessionsOf = async (): Promise<string[]> => {
  const given = process.env['SESSIONS']
  if (given !== undefined) return given.split(',')
  const sessions = Array.from({ length: SESSIONS }, () => newId())
  await Promise.all(sessions.map((id) => store.createSession({ id, now: Date.now() })))
  return sessions
}

const carryOut = async ({ work, milliseconds }: Assignment): Promise<Done> => {
  const sessions = await sessionsOf()
  const cpu = process.cpuUsage()
  const until = performance.now() + milliseconds
  let count = 0
  await Promise.all(Array.from({ length: work === 'replies' ? SESSIONS : IN_FLIGHT }, async (_, index) => {
    while (performance.now() < until) {
      if (work === 'jobs') {
        const job = newJob()
        const wait = ended(job.id)
        await store.enqueue({ jobs: [job], now: job.created_at })
        await wait
      } else {
        await say(sessions[index % sessions.length]!, work === 'replies')
      }
      count += 1
    }
  }))
  const { user, system } = process.cpuUsage(cpu)
  return { count, cpuMs: (user + system) / 1000 }
}

process.on('message', (assignment: Assignment) => {
  carryOut(assignment).then((done) => { process.send!(done) }, fail)
})
process.on('disconnect', () => { process.exit(0) })
process.send!({ ready: true })
