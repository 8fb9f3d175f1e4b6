// The log: JSON lines in production, readable ones on a terminal. Secrets never reach it, not even inside error messages.
import { createRequire } from 'node:module'
import pino, { type DestinationStream, type Logger } from 'pino'
import { secretValues, type Config } from '../src/config/index.ts'
import { createScrubber } from '../src/core/scrubber.ts'

/** `destination` takes the lines instead of standard output. */
export const createLogger = (config: Config, destination?: DestinationStream): Logger => {
  const out = destination ?? (wantsPretty(config) ? pretty() ?? standardOutput() : standardOutput())
  const scrub = createScrubber(secretValues(config))
  return pino({ level: config.log.level, base: null }, { write (line: string) { out.write(scrub(line)) } })
}

const wantsPretty = (config: Config): boolean =>
  config.log.format === 'pretty' || (config.log.format === 'auto' && process.stdout.isTTY)

/** Lines are collected for a moment: a write of its own for each costs a third of a small request. The last ones go out at the exit. */
const standardOutput = (): DestinationStream => {
  const out = pino.destination({ fd: 1, sync: false, minLength: COLLECT_BYTES, periodicFlush: COLLECT_MS })
  process.on('exit', () => { out.flushSync() })
  return out
}

const COLLECT_BYTES = 8 * 1024
const COLLECT_MS = 100

/** pino-pretty is for development and not installed in an image: without it the log is JSON. */
const pretty = (): DestinationStream | undefined => {
  try {
    const make = createRequire(import.meta.url)('pino-pretty') as (options: object) => DestinationStream
    return make({ ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss', singleLine: true })
  } catch {
    return undefined
  }
}
