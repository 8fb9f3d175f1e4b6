// Reads the store with plain SQL, without the code that wrote it, and compares it with what was acknowledged.
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Ledger } from './ledger.ts'
import { probeOutput, replyPieces } from './script.ts'

export interface Losses {
  messages: number
  events: number
  jobs: number
  sessions: number
}

export interface Findings {
  lost: Losses
  /** Stored more than once, or under one content twice. */
  duplicates: number
  /** Sentences about whatever else is wrong; the first few of each kind. */
  faults: string[]
  jobs: { total: number, unfinished: number, succeeded: number, dead: number }
  repliesChecked: number
}

const FILE = 'orchestrator.sqlite'
const FAULTS_SHOWN = 5
/** Says in words that the reply begins again, see `attempt` events. */
const AGAIN = '(My answer was interrupted. Here it is again from the start.)\n\n'

/** Opening the file itself would repair it, and the server has to do that alone: this reads a copy. */
export const verify = async (dir: string, ledger: Ledger, { finished }: { finished: boolean }): Promise<Findings> => {
  const copy = mkdtempSync(join(dir, 'copy-'))
  for (const name of [FILE, `${FILE}-wal`]) {
    if (existsSync(join(dir, name))) copyFileSync(join(dir, name), join(copy, name))
  }
  const database = new DatabaseSync(join(copy, FILE))
  try {
    const rows: Rows = async <T>(sql: string) => database.prepare(sql).all() as T[]
    const findings = await compare(rows, ledger, finished)
    const [row] = await rows<{ integrity_check: string }>('PRAGMA integrity_check')
    if (row!.integrity_check !== 'ok') findings.faults.push(`the file is damaged: ${row!.integrity_check}`)
    return findings
  } finally {
    database.close()
    rmSync(copy, { recursive: true })
  }
}

interface MessageRow {
  id: string
  session_id: string
  content: string
  role: string
  job_id: string | null
  reply_to: string | null
}
interface JobRow { id: string, kind: string, name: string, status: string, active: number, payload: string, output: string | null }
interface EventRow { id: string, type: string, data: string }
interface StreamRow { job_id: string, name: string, data: string, final: number }
export type Rows = <T>(sql: string) => Promise<T[]>
type Faults = ReturnType<typeof createFaults>

/** `finished`: nothing is under way any more. */
export const compare = async (rows: Rows, ledger: Ledger, finished: boolean): Promise<Findings> => {
  const messages = await rows<MessageRow>('SELECT id, session_id, content, role, job_id, reply_to FROM messages')
  const jobs = new Map((await rows<JobRow>('SELECT id, kind, name, status, active, payload, output FROM jobs')).map((job) => [job.id, job]))
  const sessions = new Set((await rows<{ id: string }>('SELECT id FROM sessions')).map(({ id }) => id))
  const events = new Map((await rows<EventRow>('SELECT id, type, data FROM events')).map((event) => [event.id, event]))
  const faults = createFaults()

  const asked = messages.filter(({ role }) => role === 'user')
  const byId = new Map(messages.map((message) => [message.id, message]))
  for (const [id, sent] of ledger.messages) {
    const stored = byId.get(id)
    if (stored === undefined) continue
    if (stored.content !== sent.content || stored.session_id !== sent.session || stored.job_id !== sent.job) {
      faults.add('content', `message ${id} is not what was sent`)
    }
  }
  for (const [id, sent] of ledger.events) {
    const stored = events.get(id)
    if (stored === undefined) continue
    const same = stored.type === sent.type && stored.data === JSON.stringify({ n: sent.n })
    if (!same) faults.add('content', `event ${id} is not what was sent`)
  }

  await checkCounters(rows, faults)
  await checkStreams(rows, faults)
  const unfinished = [...jobs.values()].filter(({ active }) => active === 1).length
  if (finished) await checkEnds(rows, messages, jobs, faults)
  return {
    lost: {
      messages: missing(ledger.messages.keys(), byId),
      events: missing(ledger.events.keys(), events),
      jobs: missing(ledger.jobs, jobs),
      sessions: missing(ledger.sessions, sessions)
    },
    // Every request carried a content of its own and was sent once.
    duplicates: messages.length - byId.size + asked.length - new Set(asked.map(({ content }) => content)).size,
    faults: faults.list,
    jobs: {
      total: jobs.size,
      unfinished,
      succeeded: [...jobs.values()].filter(({ status }) => status === 'succeeded').length,
      dead: [...jobs.values()].filter(({ status }) => status === 'dead').length
    },
    repliesChecked: finished ? [...jobs.values()].filter(({ kind }) => kind === 'reply').length : 0
  }
}

const missing = (ids: Iterable<string>, stored: { has (id: string): boolean }): number =>
  [...ids].filter((id) => !stored.has(id)).length

const createFaults = () => {
  const counts = new Map<string, number>()
  const list: string[] = []
  return {
    list,
    add (kind: string, sentence: string): void {
      const count = (counts.get(kind) ?? 0) + 1
      counts.set(kind, count)
      if (count <= FAULTS_SHOWN) list.push(sentence)
    }
  }
}

/** Counters and positions are written beside the rows: a commit that was cut in half would show here. */
const checkCounters = async (rows: Rows, faults: Faults): Promise<void> => {
  const counters = new Map((await rows<{ name: string, value: number }>('SELECT * FROM counters')).map(({ name, value }) => [name, value]))
  const counted = await rows<{ name: string, n: number }>(
    `SELECT 'messages' AS name, count(*) AS n FROM messages
     UNION ALL SELECT 'events', count(*) FROM events
     UNION ALL SELECT 'sessions', count(*) FROM sessions
     UNION ALL SELECT 'jobs:' || kind || ':' || status, count(*) FROM jobs GROUP BY kind, status`)
  for (const { name, n } of counted) {
    if ((counters.get(name) ?? 0) !== n) faults.add('counter', `counter ${name} is ${counters.get(name)}, there are ${n}`)
  }
  const sessions = await rows<{ id: string }>(
    `SELECT id FROM sessions WHERE message_count <> (SELECT count(*) FROM messages WHERE session_id = sessions.id)
       OR last_message_seq <> (SELECT coalesce(max(seq), 0) FROM messages WHERE session_id = sessions.id)
       OR active <> (SELECT count(*) FROM jobs WHERE jobs.active = 1 AND lane = sessions.id)
       OR position <> coalesce((SELECT max(seq + events - 1) FROM stream_chunks WHERE stream = sessions.id), 0)`)
  for (const { id } of sessions) faults.add('session', `session ${id} counts its messages, replies or events wrong`)
}

const checkStreams = async (rows: Rows, faults: Faults): Promise<void> => {
  const torn = await rows<{ stream: string }>(
    'SELECT stream FROM stream_chunks GROUP BY stream HAVING max(seq + events) - min(seq) <> sum(events)')
  for (const { stream } of torn) faults.add('stream', `stream ${stream} has holes`)
}

/** When everything has ended: each reply is stored once and equals its deltas, each run has its result. */
const checkEnds = async (rows: Rows, messages: MessageRow[], jobs: Map<string, JobRow>, faults: Faults): Promise<void> => {
  const asked = new Map(messages.filter(({ role }) => role === 'user').map((message) => [message.id, message]))
  const replies = new Map<string, MessageRow[]>()
  for (const message of messages) {
    if (message.role === 'assistant') replies.set(message.reply_to!, [...replies.get(message.reply_to!) ?? [], message])
  }
  const streams = new Map<string, StreamRow[]>()
  const chunks = await rows<{ job_id: string, body: string }>("SELECT job_id, body FROM stream_chunks WHERE stream <> 'system' ORDER BY stream, seq")
  const events = chunks.flatMap(({ job_id: jobId, body }) => body.split('\n').map((line): StreamRow => {
    const [name, final, data] = line.split('\t')
    return { job_id: jobId, name: name!, data: data!, final: Number(final) }
  }))
  for (const event of events) {
    const known = streams.get(event.job_id)
    if (known === undefined) streams.set(event.job_id, [event])
    else known.push(event)
  }
  for (const job of jobs.values()) {
    if (job.active === 1) faults.add('unfinished', `job ${job.id} is ${job.status}`)
    else if (job.kind === 'reply') checkReply(job, asked, replies, streams.get(job.id) ?? [], faults)
    else checkRun(job, faults)
  }
  for (const { id, job_id: jobId } of asked.values()) {
    if (!jobs.has(jobId!)) faults.add('job', `message ${id} has no job`)
  }
}

const checkReply = (
  job: JobRow, asked: Map<string, MessageRow>, replies: Map<string, MessageRow[]>, events: StreamRow[], faults: Faults
): void => {
  const { reply_to: replyTo, message_id: messageId } = JSON.parse(job.payload) as { reply_to: string, message_id: string }
  const message = asked.get(replyTo)
  const stored = replies.get(replyTo) ?? []
  if (message === undefined) faults.add('reply', `job ${job.id} answers a message that is not there`)
  if (events.filter(({ final }) => final === 1).length !== 1 || events.at(-1)?.final !== 1) {
    faults.add('final', `the stream of job ${job.id} does not end once`)
  }
  if (job.status !== 'succeeded') {
    if (stored.length > 0) faults.add('reply', `job ${job.id} is ${job.status} and has a reply all the same`)
    return
  }
  if (stored.length !== 1 || stored[0]!.id !== messageId || stored[0]!.job_id !== job.id) {
    faults.add('reply', `message ${replyTo} has ${stored.length} replies`)
    return
  }
  const begin = events.map(({ name }) => name).lastIndexOf('attempt') + 1
  const deltas = events.slice(begin).filter(({ final }) => final === 0)
  const said = deltas.map(({ data }) => (JSON.parse(data) as { content: string }).content).join('')
  if (said !== stored[0]!.content) faults.add('delta', `the reply to ${replyTo} is not what was streamed`)
  const script = replyPieces(message?.content ?? '').join('')
  if (said !== script && said !== AGAIN + script) faults.add('script', `the reply to ${replyTo} is not what the assistant said`)
}

const checkRun = (job: JobRow, faults: Faults): void => {
  if (job.status !== 'succeeded' || !job.name.startsWith('probe_')) return
  const { input } = JSON.parse(job.payload) as { input: { n: number } }
  const { result } = JSON.parse(job.output!) as { result: unknown }
  if (JSON.stringify(result) !== JSON.stringify(probeOutput(input.n))) faults.add('result', `job ${job.id} has the wrong result`)
}
