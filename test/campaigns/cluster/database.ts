// A PostgreSQL server of a campaign's own, so that it can be stopped, hung and killed. Its data lie in a temporary folder.
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import pg from 'pg'
import { freePort } from '../../helpers/free-port.ts'

const run = promisify(execFile)

export interface Database {
  readonly url: string
  readonly port: number
  query: <T extends pg.QueryResultRow>(text: string) => Promise<T[]>
  /** Stops it as an operator would, without waiting for clients. */
  stop (): Promise<void>
  start (): Promise<void>
  /** Every process of it stands still, as on a machine that hangs. */
  hang (): Promise<void>
  resume (): Promise<void>
  /** Seconds of processor time that its processes have taken so far. */
  cpuSeconds (): number
  close (): Promise<void>
}

/** The folder of PostgreSQL's programs; undefined when there are none. */
export const postgresPrograms = (): string | undefined => {
  const home = '/usr/lib/postgresql'
  const versions = existsSync(home) ? readdirSync(home).sort((a, b) => Number(b) - Number(a)) : []
  return versions.map((version) => join(home, version, 'bin')).find((folder) => existsSync(join(folder, 'initdb')))
}

const SETTINGS = [
  'listen_addresses=127.0.0.1', 'max_connections=200', 'shared_buffers=256MB', 'max_wal_size=2GB', 'unix_socket_directories=', 'logging_collector=off'
]

/** @throws Error when PostgreSQL's programs are missing. */
export const startDatabase = async (): Promise<Database> => {
  const programs = postgresPrograms()
  if (programs === undefined) throw new Error('PostgreSQL is not installed below /usr/lib/postgresql')
  const dir = mkdtempSync(join(tmpdir(), 'orchestrator-pg-'))
  const data = join(dir, 'data')
  const identity = await unprivileged()
  if (identity !== undefined) chownSync(dir, identity.uid, identity.gid)
  const options = { ...identity, cwd: dir, env: { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8' } }
  await run(join(programs, 'initdb'), ['-D', data, '-A', 'trust', '-U', 'orchestrator', '--no-sync'], options)
  const port = await freePort()
  let server: ChildProcess | undefined
  const start = async (): Promise<void> => {
    server = spawn(join(programs, 'postgres'), ['-D', data, '-p', String(port), ...SETTINGS.flatMap((setting) => ['-c', setting])],
      { ...options, stdio: ['ignore', 'ignore', 'ignore'] })
    for (let tries = 0; tries < 200; tries++) {
      try {
        await query('SELECT 1')
        return
      } catch {
        await sleep(50)
      }
    }
    throw new Error('the database did not start')
  }
  const url = `postgres://orchestrator@127.0.0.1:${port}/postgres`
  const query = async <T extends pg.QueryResultRow>(text: string): Promise<T[]> => {
    const client = new pg.Client({
      connectionString: url,
      connectionTimeoutMillis: 2_000,
      types: { getTypeParser: ((oid: number, format?: 'text') => oid === 20 || oid === 1700 ? Number : pg.types.getTypeParser(oid, format)) as never }
    })
    client.on('error', () => {})
    try {
      await client.connect()
      return (await client.query<T>(text)).rows
    } finally {
      await client.end()
    }
  }
  const signalAll = (signal: NodeJS.Signals): void => {
    const { pid } = server!
    const all = signal === 'SIGSTOP' ? [pid!, ...childrenOf(pid!)] : [...childrenOf(pid!), pid!]
    for (const one of all) try { process.kill(one, signal) } catch { /* it ended meanwhile */ }
  }
  await start()
  return {
    url,
    port,
    query,
    start,
    async stop () {
      const gone = once(server!, 'exit')
      // SIGINT: clients are cut off, what was committed is there.
      server!.kill('SIGINT')
      await gone
    },
    async hang () { signalAll('SIGSTOP') },
    async resume () { signalAll('SIGCONT') },
    cpuSeconds: () => [server!.pid!, ...childrenOf(server!.pid!)].reduce((sum, pid) => sum + cpuOf(pid), 0),
    async close () {
      if (server !== undefined && server.exitCode === null && server.signalCode === null) {
        signalAll('SIGCONT')
        const gone = once(server, 'exit')
        server.kill('SIGQUIT')
        await gone
      }
      rmSync(dir, { recursive: true, force: true })
    }
  }
}

/** PostgreSQL refuses to run as root. */
const unprivileged = async (): Promise<{ uid: number, gid: number } | undefined> => {
  if (process.getuid?.() !== 0) return undefined
  const of = async (flag: string): Promise<number> => Number((await run('id', [flag, 'postgres'])).stdout)
  return { uid: await of('-u'), gid: await of('-g') }
}

const childrenOf = (pid: number): number[] => {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter((text) => text !== '').map(Number)
  } catch {
    return []
  }
}

const TICKS_PER_SECOND = 100

/** Of the process, and of its children that have ended. */
const cpuOf = (pid: number): number => {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ')
    return [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index]), 0) / TICKS_PER_SECOND
  } catch {
    return 0
  }
}
