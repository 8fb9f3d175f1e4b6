// The sandbox's process. Started by the server it says its addresses by IPC and ends with its parent; started by hand
// (`npm run sandbox -- --port 4000 --seed 7 --script faults.json`) it prints them as one line of JSON.
import { parseArgs } from 'node:util'
import { systemClock } from '../src/core/clock.ts'
import type { Logger } from '../src/core/log.ts'
import { createForwardClock } from './clock.ts'
import { readScript } from './faults/script.ts'
import { startSandboxServer } from './server.ts'
import { DEFAULT_SEED, isUpstream, refuseProduction, UPSTREAMS, type Message, type UpstreamName } from './upstreams.ts'

const USAGE = 'Usage: npm run sandbox -- [--port N] [--seed N] [--upstreams shopify_api,llm] [--script faults.json]'

const child = process.send !== undefined

const tell = (message: Message, then = (): void => {}): void => {
  // The parent may be gone already: then nobody reads it.
  process.send?.(message, undefined, {}, then)
}

const createLog = (): Logger => {
  const to = (level: keyof Logger) => (fields: object, message = ''): void => {
    if (child) tell({ type: 'log', level, fields, message })
    else if (level !== 'debug') console.error(message, fields)
  }
  return { debug: to('debug'), info: to('info'), warn: to('warn'), error: to('error') }
}

const readOptions = (): { port: number, seed: number, upstreams: UpstreamName[], script: string | undefined } => {
  const { values } = parseArgs({
    options: { port: { type: 'string' }, seed: { type: 'string' }, upstreams: { type: 'string' }, script: { type: 'string' } }
  })
  const port = Number(values.port ?? 0)
  const seed = Number(values.seed ?? DEFAULT_SEED)
  const upstreams = values.upstreams?.split(',') ?? [...UPSTREAMS]
  if (!Number.isInteger(port) || port < 0 || port > 65_525) throw new Error('--port is from 0 to 65525.')
  if (!Number.isSafeInteger(seed)) throw new Error('--seed is a whole number.')
  if (!upstreams.every(isUpstream)) throw new Error(`--upstreams are some of ${UPSTREAMS.join(',')}.`)
  return { port, seed, upstreams, script: values.script }
}

const main = async (): Promise<void> => {
  refuseProduction(process.env)
  const { script, ...options } = readOptions()
  const faults = script === undefined ? [] : await readScript(script)
  const server = await startSandboxServer({ ...options, script: faults, clock: createForwardClock(systemClock), log: createLog() })
  const { seed, addresses, credentials } = server
  process.on('exit', () => { server.leave() })
  const facts = { seed, addresses, credentials }
  if (child) {
    // Whoever started it goes on meanwhile.
    tell({ type: 'ready', facts }, () => { setImmediate(() => { server.prepare() }) })
    // Ctrl-C reaches the whole group: the server drains first, and needs its upstreams for it.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
  } else {
    server.prepare()
    console.log(JSON.stringify(facts))
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => { server.close().catch(() => {}) })
  }
}

// A parent that dies without a word takes its sandbox along.
if (child) process.on('disconnect', () => { process.exit(0) })

try {
  await main()
} catch (error) {
  const message = error instanceof Error ? error.message : String(error)
  process.exitCode = 1
  if (child) {
    tell({ type: 'failed', message })
    process.disconnect()
  } else {
    console.error(`${message}\n${USAGE}`)
  }
}
