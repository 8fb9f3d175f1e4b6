// The programs that PostgreSQL brings for dumps, as they are found on the PATH.
import { spawn } from 'node:child_process'
import { TransferError } from './side.ts'

type Tool = 'pg_dump' | 'pg_restore'

/** The address without its password, which goes into the environment: arguments are seen by everybody on the machine. */
export const connectionOf = (url: string): { address: string, environment: NodeJS.ProcessEnv } => {
  const parsed = new URL(url)
  const password = decodeURIComponent(parsed.password)
  parsed.password = ''
  // The driver takes a plus for a blank, as forms have it; the programs do not.
  parsed.search = parsed.search.replaceAll('+', '%20')
  return { address: parsed.href, environment: { ...process.env, ...password === '' ? {} : { PGPASSWORD: password } } }
}

/** Answers what it printed. @throws TransferError when it is not there, or with what it complained of. */
export const runTool = (tool: Tool, args: string[], environment: NodeJS.ProcessEnv = process.env): Promise<string> => new Promise((resolve, reject) => {
  const child = spawn(tool, args, { env: environment, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  let complaint = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => { said += text })
  child.stderr.setEncoding('utf8').on('data', (text: string) => { complaint = (complaint + text).slice(-4_000) })
  child.on('error', (error: NodeJS.ErrnoException) => {
    reject(error.code === 'ENOENT'
      ? new TransferError(`${tool} is not on the PATH. It comes with the client programs of PostgreSQL (package postgresql-client).`, error)
      : error)
  })
  child.on('close', (code) => {
    if (code === 0) resolve(said)
    else reject(new TransferError(`${tool} failed: ${complaint.trim() || `exit code ${code}`}`))
  })
})

/** @throws TransferError when it is missing, or older than the server: it could not read everything. */
export const assertRecent = async (tool: Tool, server: string): Promise<void> => {
  const version = /(\d+)(\.\d+)*/.exec(await runTool(tool, ['--version']))?.[0] ?? 'unknown'
  const needed = Number.parseInt(server)
  if (Number.parseInt(version) >= needed) return
  throw new TransferError(`${tool} is of version ${version}, the server of ${server}: install the client programs of version ${needed} or later.`)
}
