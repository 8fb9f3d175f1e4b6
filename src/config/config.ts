// The configuration as the rest of the program sees it: grouped, typed, frozen.
import { join } from 'node:path'
import type { AccessMode } from '../core/access.ts'
import { settings, type Values } from './settings.ts'

export type Config = ReturnType<typeof toConfig>

/** Groups the parsed values. Optional ones are `undefined` when unset; durations are milliseconds. */
export function toConfig (values: Values) {
  const profile = values.NODE_ENV
  return Object.freeze({
    profile,
    appName: values.APP_NAME,
    secretKey: values.SECRET_KEY,
    server: Object.freeze({
      host: values.HOST,
      port: values.PORT,
      /** Addresses and CIDR ranges; empty: believe no forwarded header. */
      trustProxy: frozenList(values.TRUST_PROXY),
      corsOrigins: frozenList(values.CORS_ORIGINS),
      commandCenterUrl: values.COMMAND_CENTER_URL,
      metrics: values.ENABLE_METRICS,
      legacyJson: values.LEGACY_JSON
    }),
    access: Object.freeze({
      mode: accessMode(values),
      metricsOpen: values.METRICS_OPEN,
      oidc: Object.freeze({
        ...completeness(unset(values, 'OIDC_ISSUER', 'OIDC_AUDIENCE')),
        issuer: values.OIDC_ISSUER,
        audience: values.OIDC_AUDIENCE,
        jwksUrl: values.OIDC_JWKS_URL,
        roleClaim: values.OIDC_ROLE_CLAIM,
        nameClaim: values.OIDC_NAME_CLAIM
      })
    }),
    /** 0: no limit. */
    limits: Object.freeze({
      perKey: values.RATE_LIMIT_PER_KEY,
      perAddress: values.RATE_LIMIT_PER_ADDRESS,
      streams: values.MAX_STREAMS_PER_CALLER,
      queuedJobs: values.MAX_QUEUED_JOBS,
      connections: values.MAX_CONNECTIONS,
      loopDelayMs: values.MAX_LOOP_DELAY_MS
    }),
    store: Object.freeze({
      dataDir: values.DATA_DIR,
      /** File of the embedded store, or ':memory:'. */
      path: profile === 'testing' ? ':memory:' : join(values.DATA_DIR, 'orchestrator.sqlite'),
      writerThread: values.STORE_WRITER_THREAD,
      databaseUrl: values.DATABASE_URL,
      databaseTimeoutMs: values.DATABASE_TIMEOUT_MS,
      redisUrl: values.REDIS_URL
    }),
    /** Of each: 0 keeps everything. */
    retention: Object.freeze({
      sessionsDays: values.RETENTION_SESSIONS_DAYS,
      jobsDays: values.RETENTION_JOBS_DAYS,
      eventsDays: values.RETENTION_EVENTS_DAYS,
      scheduleRunsDays: values.RETENTION_SCHEDULE_RUNS_DAYS,
      proposalsDays: values.RETENTION_PROPOSALS_DAYS,
      stockDays: values.RETENTION_STOCK_DAYS,
      maxSessions: values.RETENTION_MAX_SESSIONS,
      maxMessages: values.RETENTION_MAX_MESSAGES,
      maxJobs: values.RETENTION_MAX_JOBS,
      maxEvents: values.RETENTION_MAX_EVENTS,
      maxScheduleRuns: values.RETENTION_MAX_SCHEDULE_RUNS,
      maxStreamEvents: values.RETENTION_MAX_STREAM_EVENTS
    }),
    backups: Object.freeze({
      /** Undefined: none are made. */
      dir: values.BACKUP_DIR,
      everyMs: values.BACKUP_EVERY_HOURS * 3_600_000,
      keep: values.BACKUP_KEEP
    }),
    log: Object.freeze({
      level: values.LOG_LEVEL,
      /** 'auto' is left to the process, which knows its terminal, in development only: elsewhere it has become 'json'. */
      format: values.LOG_FORMAT === 'auto' && profile !== 'development' ? 'json' : values.LOG_FORMAT,
      suppressHealth: values.SUPPRESS_HEALTH_LOGS
    }),
    role: values.ROLE,
    work: Object.freeze({
      /** Jobs and schedules run in this process. */
      enabled: values.BACKGROUND_WORK && values.ROLE !== 'api',
      replyConcurrency: values.REPLY_CONCURRENCY,
      agentConcurrency: values.AGENT_CONCURRENCY,
      maxQueuedPerSession: values.MAX_QUEUED_PER_SESSION
    }),
    streams: Object.freeze({
      enabled: values.ENABLE_STREAMING,
      heartbeatMs: values.SSE_HEARTBEAT_MS,
      retryMs: values.SSE_RETRY_MS
    }),
    shutdown: Object.freeze({
      drainDelayMs: values.DRAIN_DELAY_MS,
      timeoutMs: values.SHUTDOWN_TIMEOUT_MS
    }),
    circuitBreaker: Object.freeze({
      failureThreshold: values.CIRCUIT_BREAKER_FAILURE_THRESHOLD,
      recoveryTimeoutMs: values.CIRCUIT_BREAKER_RECOVERY_TIMEOUT * 1000
    }),
    /** 0: upstreams are never asked in the background. */
    probes: Object.freeze({ intervalMs: values.PROBE_INTERVAL * 1000 }),
    sandbox: Object.freeze({
      mode: values.SANDBOX,
      seed: values.SANDBOX_SEED,
      /** Which upstreams it stands in for, by the names of their circuit breakers; empty: it does not start. */
      upstreams: frozenList(sandboxed(values))
    }),
    shopify: Object.freeze({
      ...completeness(missingOfShopify(values)),
      /** The bare handle: `my-shop` of my-shop.myshopify.com. */
      shop: values.SHOP_NAME,
      accessToken: values.SHOPIFY_ACCESS_TOKEN,
      apiKey: values.SHOPIFY_API_KEY,
      apiSecret: values.SHOPIFY_API_SECRET,
      webhookSecret: values.SHOPIFY_WEBHOOK_SECRET,
      oldWebhookSecret: values.SHOPIFY_WEBHOOK_SECRET_PREVIOUS
    }),
    llm: Object.freeze({
      ...completeness(values.OPENAI_BASE_URL === undefined ? unset(values, 'OPENAI_API_KEY') : []),
      apiKey: values.OPENAI_API_KEY,
      baseUrl: values.OPENAI_BASE_URL,
      model: values.OPENAI_MODEL,
      maskPersonalData: values.MASK_PERSONAL_DATA,
      budgets: Object.freeze({
        steps: values.OPENAI_MAX_STEPS,
        outputTokens: values.OPENAI_MAX_OUTPUT_TOKENS,
        replyTokens: values.OPENAI_MAX_REPLY_TOKENS,
        historyTokens: values.OPENAI_HISTORY_TOKENS
      }),
      /** Per million tokens; null: not known. */
      prices: Object.freeze({
        input: values.OPENAI_PRICE_INPUT_PER_MTOK ?? null,
        output: values.OPENAI_PRICE_OUTPUT_PER_MTOK ?? null
      })
    }),
    bigquery: Object.freeze({
      ...completeness(missingOfBigquery(values)),
      projectId: values.BIGQUERY_PROJECT_ID,
      dataset: values.BIGQUERY_DATASET,
      table: values.BIGQUERY_TABLE,
      endpoint: values.BIGQUERY_API_ENDPOINT,
      credentialsFile: values.GOOGLE_APPLICATION_CREDENTIALS
    }),
    github: Object.freeze({
      ...completeness(missingOfGithub(values)),
      token: values.GITHUB_TOKEN,
      apiUrl: values.GITHUB_API_URL,
      repoOwner: values.GITHUB_REPO_OWNER,
      repoName: values.GITHUB_REPO_NAME,
      webhookSecret: values.GITHUB_WEBHOOK_SECRET,
      oldWebhookSecret: values.GITHUB_WEBHOOK_SECRET_PREVIOUS
    }),
    webhooks: Object.freeze({ allowPrivate: values.WEBHOOK_ALLOW_PRIVATE }),
    sentryDsn: values.SENTRY_DSN,
    numRecommendations: values.NUM_RECOMMENDATIONS
  })
}

const SECRET_PROPERTIES = [
  'secretKey', 'databaseUrl', 'redisUrl', 'accessToken', 'apiKey', 'apiSecret', 'webhookSecret', 'oldWebhookSecret', 'token', 'sentryDsn'
]

/** The names under which secrets stand, in Config and in the environment: what a log must never print the value of. */
export const redactedKeys: readonly string[] = Object.freeze([
  ...SECRET_PROPERTIES,
  ...settings.flatMap(([name, setting]) => setting.secret === true ? [name, ...setting.aliases ?? []] : [])
])

/** All secrets that are set, of at least 6 characters, each once; of URLs, secret or not, the password as well, as written and decoded. */
export function secretValues (config: Config): string[] {
  const found = new Set<string>()
  for (const group of [config, ...Object.values(config)]) {
    if (typeof group !== 'object') continue
    for (const [key, value] of Object.entries(group)) {
      if (typeof value !== 'string') continue
      if (SECRET_PROPERTIES.includes(key)) found.add(value)
      for (const password of passwords(value)) found.add(password)
    }
  }
  return [...found].filter((secret) => secret.length >= 6)
}

// By hand and not with URL: a password that is not quite encoded must still be found.
function passwords (value: string): string[] {
  const password = /^[a-z][a-z0-9+.-]*:\/\/[^:/]*:(.+)@/i.exec(value)?.[1]
  if (password === undefined) return []
  try {
    return [password, decodeURIComponent(password)]
  } catch {
    return [password]
  }
}

const frozenList = <T extends string>(list: T[]): readonly T[] => Object.freeze(list)

/** `missing`: the variables that would complete the integration, by the shortest way. */
const completeness = (missing: string[]) => ({ configured: missing.length === 0, missing: frozenList(missing) })

const unset = (values: Values, ...names: Array<keyof Values>): string[] => names.filter((name) => values[name] === undefined)

const missingOfBigquery = (values: Values): string[] => unset(values, 'BIGQUERY_PROJECT_ID', 'BIGQUERY_DATASET')

const missingOfGithub = (values: Values): string[] => unset(values, 'GITHUB_TOKEN')

function accessMode ({ AUTH: auth, NODE_ENV: profile, HOST: host }: Values): AccessMode {
  if (auth !== 'auto') return auth
  return profile === 'development' && LOOPBACK.test(host) ? 'optional' : 'required'
}

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|::1)$/i

/** The upstreams, by the names of their circuit breakers. */
export type UpstreamName = 'shopify_api' | 'bigquery' | 'github_api' | 'llm'

function sandboxed (values: Values): UpstreamName[] {
  if (values.SANDBOX === 'off') return []
  // All means all: whoever says so with live keys in a .env file must not find their own shop changed.
  if (values.SANDBOX === 'all') return ['shopify_api', 'bigquery', 'github_api', 'llm']
  const missing = { shopify_api: missingOfShopify(values), bigquery: missingOfBigquery(values), github_api: missingOfGithub(values) }
  return (Object.keys(missing) as Array<keyof typeof missing>).filter((name) => missing[name].length > 0)
}

function missingOfShopify (values: Values): string[] {
  const shop = unset(values, 'SHOP_NAME')
  if (values.SHOPIFY_ACCESS_TOKEN !== undefined) return shop
  const credentials = unset(values, 'SHOPIFY_API_KEY', 'SHOPIFY_API_SECRET')
  return [...shop, ...(credentials.length === 2 ? ['SHOPIFY_ACCESS_TOKEN'] : credentials)]
}
