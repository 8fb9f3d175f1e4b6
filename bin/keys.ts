// The command behind `npm run keys`: makes, lists and revokes API keys in the store itself.
import { parseArgs } from 'node:util'
import { ConfigError, loadConfig, readDotenv, type Config } from '../src/config/index.ts'
import { ACCESS_ROLES, AREAS, type AccessRole, type Area } from '../src/core/access.ts'
import { systemClock as clock } from '../src/core/clock.ts'
import { AppError } from '../src/core/errors.ts'
import { Keys } from '../src/core/keys.ts'
import { silentLogger as log } from '../src/core/log.ts'
import type { StoredKey } from '../src/core/store-keys.ts'
import { openStore, StoreLockedError, StoreUnusableError } from '../src/store/index.ts'

const HELP = `Usage: npm run keys -- create --name <name> --role <role> [--scopes <scope,…>] [--expires <time>]
       npm run keys -- list
       npm run keys -- revoke <id>

Roles: ${ACCESS_ROLES.join(', ')}. Scopes: ${AREAS.join(', ')}.
--expires takes a number with m, h or d (90d), or a date (2027-01-31). The key is printed once.
`

/** What the command line says of itself in the records. */
const ACTOR = 'command-line'
const UNITS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const

class UsageError extends Error {}

const main = async (): Promise<void> => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      name: { type: 'string' },
      role: { type: 'string' },
      scopes: { type: 'string' },
      expires: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false }
    }
  })
  const [command, id, ...rest] = positionals
  if (values.help) {
    process.stdout.write(HELP)
    return
  }
  if (rest.length > 0 || (command === 'revoke') !== (id !== undefined)) throw new UsageError(HELP)
  const environment = process.env['NODE_ENV'] === 'production' ? process.env : { ...readDotenv('.env'), ...process.env }
  const { config } = loadConfig(environment)
  const store = await openStore(storeOf(config))
  try {
    const keys = new Keys({ store, clock, log })
    if (command === 'create') {
      const { name = '', role = '', scopes, expires } = values
      const { key, secret } = await keys.make({
        name,
        role: role as AccessRole,
        ...(scopes === undefined ? {} : { scopes: scopes.split(',').map((scope) => scope.trim()) as Area[] }),
        ...(expires === undefined ? {} : { expires_at: timeOf(expires) })
      }, { actor: ACTOR, caller: null, request_id: null })
      process.stderr.write(`${lineOf(key)}\nThe key, which is shown only now:\n`)
      process.stdout.write(`${secret}\n`)
    } else if (command === 'list') {
      for (const key of await keys.list()) process.stdout.write(`${lineOf(key)}\n`)
    } else if (command === 'revoke') {
      process.stdout.write(`${lineOf(await keys.revoke(id!, { actor: ACTOR, request_id: null }))}\n`)
    } else {
      throw new UsageError(HELP)
    }
  } finally {
    await store.close()
  }
}

const storeOf = ({ store }: Config) => store.databaseUrl === undefined
  ? { file: store.path }
  : { url: store.databaseUrl, timeoutMs: store.databaseTimeoutMs }

const timeOf = (text: string): number => {
  const [, count, unit] = /^(\d{1,6})([mhd])$/.exec(text) ?? []
  return count === undefined ? Date.parse(text) : clock.now() + Number(count) * UNITS[unit as keyof typeof UNITS]
}

const lineOf = (key: StoredKey): string => [
  key.id,
  `${key.prefix}…`,
  key.role,
  key.name,
  `scopes ${key.scopes?.join(',') ?? 'all'}`,
  key.revoked_at !== null ? `revoked ${iso(key.revoked_at)}` : key.expires_at === null ? 'never expires' : `expires ${iso(key.expires_at)}`,
  key.last_used_at === null ? 'not used' : `used ${iso(key.last_used_at)}`
].join('  ')

const iso = (ms: number): string => new Date(ms).toISOString()

main().catch((error: unknown) => {
  const isUsers = error instanceof UsageError || error instanceof ConfigError || error instanceof AppError || error instanceof StoreUnusableError ||
    String((error as { code?: unknown }).code).startsWith('ERR_PARSE_ARGS')
  if (error instanceof StoreLockedError) {
    process.stderr.write(`${error.message}\nThe service runs on this store: use its own routes, as in\n` +
      '  curl -H "X-API-Key: $KEY" -H \'content-type: application/json\' -d \'{"name":"anna","role":"operator"}\' http://127.0.0.1:10000/keys\n')
  } else {
    process.stderr.write(isUsers ? `${(error as Error).message}\n` : `${error instanceof Error ? error.stack : String(error)}\n`)
  }
  process.exitCode = 1
})
