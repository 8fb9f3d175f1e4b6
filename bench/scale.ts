// `npm run bench:scale`: one, two and four processes on one PostgreSQL of the run's own: messages, replies and jobs a second, with the processor time
// of the database; and what a message costs when sessions are long. Prints a table in Markdown.
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { startDatabase, postgresPrograms, type Database } from '../test/campaigns/cluster/database.ts'
import { newId } from '../src/core/ids.ts'
import { openStore } from '../src/store/index.ts'
import type { Assignment, Done } from './scale/process.ts'

const SCRIPT = fileURLToPath(new URL('./scale/process.ts', import.meta.url))
const PROCESSES = [1, 2, 4]
const WORKS = ['messages', 'replies', 'jobs'] as const
const WARM_UP_MS = 1_000
const ROUND_MS = 3_000
const ROUNDS = 3
const JOBS_BAR = 8_000
const GROWTH_BAR = 1.2

interface Figures { perSecond: number[], databaseCpu: number, processesCpu: number }

const main = async (): Promise<number> => {
  if (postgresPrograms() === undefined) {
    console.error('bench:scale needs PostgreSQL below /usr/lib/postgresql.')
    return 2
  }
  const database = await startDatabase()
  try {
    const [version] = await database.query<{ version: string }>("SELECT current_setting('server_version') AS version")
    const machine = `${cpus().length} cores shared by database and processes`
    console.log(`PostgreSQL ${version!.version}, synchronous_commit on, ${machine}, Node ${process.versions.node}\n`)
    console.log('| work | processes | a second: median (rounds) | database, cores | processes, cores |\n|---|---|---|---|---|')
    let jobs = 0
    for (const work of WORKS) {
      for (const count of PROCESSES) {
        const figures = await measure(database, work, count)
        if (work === 'jobs') jobs = Math.max(jobs, median(figures.perSecond))
        console.log(`| ${work} | ${count} | ${shown(figures.perSecond)} | ${figures.databaseCpu.toFixed(2)} | ${figures.processesCpu.toFixed(2)} |`)
      }
    }
    const growth = await measureGrowth(database)
    console.log(`\njobs: ${Math.round(jobs)} a second at best (bar ${JOBS_BAR}); ` +
      `a message in sessions of 100,000 (1,000,000 in all) costs ${growth.toFixed(2)} times one in sessions of 100 (bar ${GROWTH_BAR})`)
    return jobs >= JOBS_BAR && growth <= GROWTH_BAR ? 0 : 1
  } finally {
    await database.close()
  }
}

interface Processes {
  run: (assignment: Assignment) => Promise<Done[]>
  stop: () => void
}

/** Processes in a schema of their own. */
const launch = async (database: Database, schema: string, count: number, sessions?: string[]): Promise<Processes> => {
  const env = { ...process.env, DATABASE_URL: within(database, schema), ...sessions === undefined ? {} : { SESSIONS: sessions.join(',') } }
  const children: ChildProcess[] = Array.from({ length: count }, () => fork(SCRIPT, { env }))
  await Promise.all(children.map((child) => once(child, 'message')))
  return {
    run: (assignment) => Promise.all(children.map(async (child) => {
      child.send(assignment)
      const [done] = await once(child, 'message')
      return done as Done
    })),
    stop () { for (const child of children) child.disconnect() }
  }
}

const within = (database: Database, schema: string): string => `${database.url}?options=${encodeURIComponent(`-c search_path=${schema}`)}`

const measure = async (database: Database, work: Assignment['work'], count: number): Promise<Figures> => {
  const schema = `${work}_${count}`
  await database.query(`CREATE SCHEMA ${schema}`)
  const processes = await launch(database, schema, count)
  await processes.run({ work, milliseconds: WARM_UP_MS })
  const perSecond: number[] = []
  const before = database.cpuSeconds()
  const begun = performance.now()
  let cpuMs = 0
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now()
    const done = await processes.run({ work, milliseconds: ROUND_MS })
    perSecond.push(sum(done.map((one) => one.count)) / ((performance.now() - start) / 1000))
    cpuMs += sum(done.map((one) => one.cpuMs))
  }
  const seconds = (performance.now() - begun) / 1000
  const databaseCpu = (database.cpuSeconds() - before) / seconds
  processes.stop()
  await database.query(`DROP SCHEMA ${schema} CASCADE`)
  return { perSecond, databaseCpu, processesCpu: cpuMs / 1000 / seconds }
}

/** Long sessions against short ones, in turns. */
const measureGrowth = async (database: Database): Promise<number> => {
  const short = await filled(database, 'short', 100)
  const long = await filled(database, 'long', 100_000)
  const ratios: number[] = []
  await short.run({ work: 'messages', milliseconds: WARM_UP_MS })
  await long.run({ work: 'messages', milliseconds: WARM_UP_MS })
  for (let round = 0; round < ROUNDS * 2; round++) {
    const one = sum((await short.run({ work: 'messages', milliseconds: ROUND_MS / 2 })).map(({ count }) => count))
    const other = sum((await long.run({ work: 'messages', milliseconds: ROUND_MS / 2 })).map(({ count }) => count))
    ratios.push(one / other)
  }
  short.stop()
  long.stop()
  return median(ratios)
}

const LONG_SESSIONS = 10

const filled = async (database: Database, schema: string, messages: number): Promise<Processes> => {
  await database.query(`CREATE SCHEMA ${schema}`)
  const store = await openStore({ url: within(database, schema), timeoutMs: 10_000 })
  const sessions = Array.from({ length: LONG_SESSIONS }, () => newId())
  for (const id of sessions) await store.createSession({ id, now: Date.now() })
  await store.close()
  await database.query(`SET search_path = ${schema};
    INSERT INTO messages (session_id, seq, id, role, content, created_at, status)
      SELECT s.id, n, gen_random_uuid()::text, 'user', repeat('What is in stock? ', 5), 0, 'complete' FROM sessions AS s, generate_series(1, ${messages}) AS n;
    UPDATE sessions SET message_count = ${messages}, last_message_seq = ${messages};
    UPDATE counters SET value = value + ${messages * LONG_SESSIONS} WHERE name = 'messages';
    ANALYZE; CHECKPOINT`)
  return launch(database, schema, 1, sessions)
}

const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0)
const median = (values: number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!
const shown = (values: number[]): string => `${Math.round(median(values))} (${values.map((value) => Math.round(value)).join(', ')})`

process.exitCode = await main()
