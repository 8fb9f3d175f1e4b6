// The log: JSON lines in production, readable ones on a terminal. Secrets never reach it, not even inside error messages.
import { createRequire } from 'node:module'
import pino, { type DestinationStream, type Logger } from 'pino'
import { secretValues, type Config } from '../src/config/index.ts'

/** `destination` takes the lines instead of standard output. */
export const createLogger = (config: Config, destination?: DestinationStream): Logger => {
  const out = destination ?? (wantsPretty(config) ? pretty() ?? standardOutput() : standardOutput())
  const scrub = createScrubber(secretValues(config))
  return pino({ level: config.log.level, base: null }, { write (line: string) { out.write(scrub(line)) } })
}

const wantsPretty = (config: Config): boolean =>
  config.log.format === 'pretty' || (config.log.format === 'auto' && process.stdout.isTTY)

const standardOutput = (): DestinationStream => pino.destination({ fd: 1, sync: true })

/** pino-pretty is for development and not installed in an image: without it the log is JSON. */
const pretty = (): DestinationStream | undefined => {
  try {
    const make = createRequire(import.meta.url)('pino-pretty') as (options: object) => DestinationStream
    return make({ ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss', singleLine: true })
  } catch {
    return undefined
  }
}

const REDACTED = '[redacted]'
/** Keys whose values are secrets wherever they come from, in a line of JSON. */
const SECRET_KEYS = /("[\w-]*(?:token|secret|password|api_?key|authorization|cookie)[\w-]*":)"(?:[^"\\]|\\.)*"/gi
/** Credentials by their looks: bearer tokens, Shopify, OpenAI and GitHub keys. */
const SECRET_SHAPES = /\b(?:Bearer\s+[\w.~+/=-]+|shp(?:at|ca|pa|ss)_\w+|sk-[\w-]{16,}|gh[pousr]_\w+|github_pat_\w+)/g

/** Replaces the configured secrets and whatever looks like one, in text that is about to be written. */
export const createScrubber = (secrets: string[]): ((line: string) => string) => {
  // Inside a line of JSON a secret stands escaped.
  const known = [...new Set(secrets.flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1)]))].sort((a, b) => b.length - a.length)
  return (line) => {
    let clean = line
    for (const secret of known) if (clean.includes(secret)) clean = clean.replaceAll(secret, REDACTED)
    return clean.replace(SECRET_KEYS, `$1"${REDACTED}"`).replace(SECRET_SHAPES, REDACTED)
  }
}
