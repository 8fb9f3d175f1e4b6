// Every setting of the environment as data: this one list drives the parser, docs/configuration.md and .env.example.
import { Type, type Static } from '@sinclair/typebox'
import { formats } from './formats.ts'
import {
  amount, choice, days, filePath, flag, httpUrl, identifier, integer, list, most, PROFILES, text, type Setting
} from './setting-kinds.ts'

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
const LOG_FORMATS = ['auto', 'pretty', 'json'] as const
const ROLES = ['all', 'api', 'worker'] as const
const SANDBOX_MODES = ['auto', 'all', 'off'] as const
const AUTH_MODES = ['auto', 'required', 'off'] as const

export const Environment = Type.Object({
  NODE_ENV: choice(PROFILES, {
    group: 'Process',
    description: 'The profile: it chooses the defaults of other settings.',
    default: 'development',
    synonyms: { test: 'testing' },
    aliases: ['FLASK_ENV']
  }),
  APP_NAME: text({
    group: 'Process',
    description: 'The name of the service in its answers and pages.',
    default: 'Royal Equips Orchestrator'
  }),
  SECRET_KEY: Type.Optional(text({
    group: 'Process',
    description: 'The signing key of the previous service.',
    secret: true,
    unused: 'nothing is signed with it'
  })),

  HOST: text({
    group: 'HTTP',
    description: 'The address to listen on. 0.0.0.0 is needed in a container.',
    default: '127.0.0.1',
    byProfile: { production: '0.0.0.0' }
  }, 'host'),
  PORT: integer(0, 65535, { group: 'HTTP', description: 'The port to listen on. 0 takes any free port.', default: 10000 }),
  TRUST_PROXY: list('proxy', {
    group: 'HTTP',
    description: 'The proxies whose X-Forwarded headers are believed. Empty: none.'
  }),
  CORS_ORIGINS: list('origin', {
    group: 'HTTP',
    description: 'The origins whose pages may call this service from a browser. Empty: none.'
  }),
  COMMAND_CENTER_URL: Type.Optional(text({
    group: 'HTTP',
    description: 'Where /command-center redirects to, taken as written. The value /docs of old deployment files counts as unset.'
  }, 'redirect-target')),
  ENABLE_METRICS: flag({ group: 'HTTP', description: 'Serves /metrics. When off, it answers 503.', default: true }),
  LEGACY_JSON: flag({
    group: 'HTTP',
    description: 'Answers /, /docs and /metrics in the JSON of the previous service when the client names no preference.',
    default: false
  }),

  AUTH: choice<typeof AUTH_MODES[number]>(AUTH_MODES, {
    group: 'Access',
    description: 'Whether requests need a key, see docs/access.md. auto: yes, but not in development while HOST is a loopback address; ' +
      'off: nobody is asked who they are, nowhere.',
    default: 'auto',
    byProfile: { testing: 'off' }
  }),
  METRICS_OPEN: flag({ group: 'Access', description: 'Serves /metrics without a key.', default: false }),
  OIDC_ISSUER: httpUrl({
    group: 'Access',
    description: 'Who issues tokens (JWT, OpenID Connect) that are taken beside keys. It and the audience configure them. Unset: keys alone.'
  }),
  OIDC_AUDIENCE: Type.Optional(text({ group: 'Access', description: 'The audience that a token must be for.' })),
  OIDC_JWKS_URL: httpUrl({
    group: 'Access', description: 'Where the issuer publishes its keys. Unset: as its /.well-known/openid-configuration says.'
  }),
  OIDC_ROLE_CLAIM: text({
    group: 'Access',
    description: 'The claim that holds the role, or a list of which the highest counts; dots lead into objects, as in realm_access.roles. A token without ' +
      'one of our roles is refused.',
    default: 'role'
  }),
  OIDC_NAME_CLAIM: text({
    group: 'Access', description: 'The claim that holds the name for the records. It must be one that the person cannot choose.', default: 'sub'
  }),

  RATE_LIMIT_PER_KEY: integer(0, 10_000_000, {
    group: 'Limits',
    description: 'How many requests a minute one key may send to this process, all at once if it likes; more are refused with 429. Probes and /metrics do ' +
      'not count. 0: no limit.',
    default: 6000,
    byProfile: { testing: 0 }
  }),
  RATE_LIMIT_PER_ADDRESS: integer(0, 10_000_000, {
    group: 'Limits',
    description: 'The same for an address, of requests without a key or with one that is refused. Behind a proxy it is the caller\'s own only with ' +
      'TRUST_PROXY.',
    default: 3000,
    byProfile: { testing: 0 }
  }),
  MAX_STREAMS_PER_CALLER: integer(0, 1_000_000, {
    group: 'Limits',
    description: 'How many streams and waiting requests one key, or one address without a key, may have open at this process. 0: no limit.',
    default: 200,
    byProfile: { testing: 0 }
  }),
  MAX_QUEUED_JOBS: integer(0, 100_000_000, {
    group: 'Limits', description: 'How many jobs may wait in the store before requests that make more are refused with 503. 0: no limit.', default: 100_000
  }),
  MAX_CONNECTIONS: integer(0, 1_000_000, {
    group: 'Limits', description: 'How many connections this process holds; further ones are closed at once. 0: no limit.', default: 20_000
  }),
  MAX_LOOP_DELAY_MS: integer(0, 60_000, {
    group: 'Limits',
    description: 'When the process is later than this with most of what it does, it refuses requests with 503, but not probes and /metrics. 0: never.',
    default: 500,
    byProfile: { testing: 0 },
    unit: 'ms'
  }),

  DATA_DIR: text({
    group: 'Store',
    description: 'The folder of the embedded store, orchestrator.sqlite. Not used in the testing profile, which keeps its store in memory.',
    default: './data'
  }),
  STORE_WRITER_THREAD: flag({
    group: 'Store',
    description: 'Write to the embedded store in a thread of its own: keeps a slow disk from holding up the event loop, and costs throughput on a fast one.',
    default: false
  }),
  BACKUP_DIR: Type.Optional(text({
    group: 'Store',
    description: 'A folder for this service alone, in which it saves its embedded store while it runs, checked after writing. Unset: it does not. ' +
      'PostgreSQL is saved from outside, see docs/store.md.'
  })),
  BACKUP_EVERY_HOURS: integer(1, 8760, { group: 'Store', description: 'How often it does.', default: 24, unit: 'h' }),
  BACKUP_KEEP: integer(1, 10_000, { group: 'Store', description: 'How many of these backups are kept; older ones are deleted.', default: 7 }),
  DATABASE_URL: Type.Optional(text({
    group: 'Store',
    description: 'The URL of a PostgreSQL database, 14 or later, which any number of processes may share. Unset: the embedded store in DATA_DIR.',
    secret: true,
    aliases: ['POSTGRES_URL']
  }, 'database')),
  DATABASE_TIMEOUT_MS: integer(100, 60_000, {
    group: 'Store',
    description: 'How long PostgreSQL may take to answer one question; after that requests are refused with 503 until it answers again.',
    default: 1500,
    unit: 'ms'
  }),
  RETENTION_SESSIONS_DAYS: days(90, 'a session is kept after its last message. It goes whole, with its messages and its stream'),
  RETENTION_JOBS_DAYS: days(30, 'a job is kept after its end. The last run of each agent stays, and what a proposal or an effect names'),
  RETENTION_EVENTS_DAYS: days(30, 'an event is kept; as long a delivery that comes again is known'),
  RETENTION_SCHEDULE_RUNS_DAYS: days(90, 'it is kept what a schedule did'),
  RETENTION_PROPOSALS_DAYS: days(180, 'a proposal is kept that expired or was replaced without a decision. Decided ones stay for good'),
  RETENTION_STOCK_DAYS: days(1100, 'the stock of a day is kept'),
  RETENTION_MAX_SESSIONS: most(1_000_000, 'sessions', 'The oldest go first, but none that was used within a day'),
  RETENTION_MAX_MESSAGES: most(5_000_000, 'messages in all sessions', 'Whole sessions go, as above'),
  RETENTION_MAX_JOBS: most(1_000_000, 'jobs', 'Finished ones go, the oldest first'),
  RETENTION_MAX_EVENTS: most(1_000_000, 'events', 'The oldest go first'),
  RETENTION_MAX_SCHEDULE_RUNS: most(20_000, 'runs of each schedule', 'The newest are kept'),
  RETENTION_MAX_STREAM_EVENTS: most(20_000, 'events of the stream of each session',
    'Older ones go as new ones come; a reader that comes back from before them is told of the gap. Messages are not touched'),
  REDIS_URL: Type.Optional(text({
    group: 'Store',
    description: 'The URL of a Redis server.',
    secret: true,
    unused: 'queues, streams and limits live in the store'
  }, 'url')),

  LOG_LEVEL: choice(LOG_LEVELS, {
    group: 'Logs',
    description: 'The lowest level that is logged.',
    default: 'info',
    byProfile: { testing: 'silent' },
    synonyms: { warning: 'warn', critical: 'fatal' }
  }),
  LOG_FORMAT: choice(LOG_FORMATS, {
    group: 'Logs',
    description: 'How log lines look. pretty is for people and needs the development dependencies; ' +
      'auto is pretty on a terminal in development, else json.',
    default: 'auto'
  }),
  SUPPRESS_HEALTH_LOGS: flag({ group: 'Logs', description: 'Leaves requests of health checks out of the log.', default: true }),

  ROLE: choice(ROLES, {
    group: 'Background work',
    description: 'What this process does: all; api answers requests and leaves jobs and schedules to others; worker runs jobs and schedules and answers ' +
      'only probes and metrics. api and worker need DATABASE_URL.',
    default: 'all',
    synonyms: { web: 'api' }
  }),
  BACKGROUND_WORK: flag({
    group: 'Background work',
    description: 'Runs jobs and schedules in this process. When off, work is accepted and waits.',
    default: true,
    byProfile: { testing: false }
  }),
  REPLY_CONCURRENCY: integer(1, 10_000, {
    group: 'Background work', description: 'How many replies this process writes at a time.', default: 64
  }),
  AGENT_CONCURRENCY: integer(1, 1000, {
    group: 'Background work', description: 'How many agent runs and events this process works on at a time.', default: 4
  }),
  MAX_QUEUED_PER_SESSION: integer(1, 100_000, {
    group: 'Background work', description: 'How many unanswered messages may wait in one session; more are refused with 429.', default: 100
  }),

  ENABLE_STREAMING: flag({
    group: 'Streams', description: 'Serves /agents/stream. When off, it answers with one error event.', default: true
  }),
  SSE_HEARTBEAT_MS: integer(10, 3_600_000, {
    group: 'Streams', description: 'How long a stream may be quiet before a comment keeps it open.', default: 15_000, unit: 'ms'
  }),
  SSE_RETRY_MS: integer(0, 3_600_000, {
    group: 'Streams', description: 'How long clients are told to wait before they reconnect.', default: 2000, unit: 'ms'
  }),

  DRAIN_DELAY_MS: integer(0, 600_000, {
    group: 'Shutdown',
    description: 'How long requests are still served after SIGTERM while load balancers notice that /readyz says 503.',
    default: 0,
    byProfile: { production: 5000 },
    unit: 'ms'
  }),
  SHUTDOWN_TIMEOUT_MS: integer(1, 600_000, {
    group: 'Shutdown', description: 'How long requests and jobs in flight may take to finish after that.', default: 20_000, unit: 'ms'
  }),

  CIRCUIT_BREAKER_FAILURE_THRESHOLD: integer(1, 1000, {
    group: 'Circuit breakers', description: 'Failures in a row that open a breaker.', default: 5
  }),
  CIRCUIT_BREAKER_RECOVERY_TIMEOUT: integer(1, 300, {
    group: 'Circuit breakers',
    description: 'How long a breaker stays open the first time; each further opening in a row doubles it, up to 300 s.',
    default: 60,
    unit: 's'
  }),
  PROBE_INTERVAL: integer(0, 3600, {
    group: 'Circuit breakers',
    description: 'How often each upstream is asked in the background how it is, unless ordinary calls went well meanwhile. 0 never asks: readiness then ' +
      'knows of an upstream only what ordinary calls show.',
    default: 30,
    byProfile: { testing: 0 },
    unit: 's'
  }),

  SANDBOX: choice(SANDBOX_MODES, {
    group: 'Sandbox',
    description: 'Stand-in upstreams with a generated shop, and every answer that is based on them says so. auto: for whichever of Shopify, GitHub and ' +
      'BigQuery is not configured; all: for these three and the language model, configured or not; off: none. In production anything but off is refused.',
    default: 'auto',
    byProfile: { testing: 'off', production: 'off' }
  }),
  SANDBOX_SEED: integer(0, 4_294_967_295, {
    group: 'Sandbox', description: 'Chooses the generated shop: the same number makes the same shop.', default: 1
  }),

  SHOP_NAME: Type.Optional(text({
    group: 'Shopify',
    description: 'The shop. With SHOPIFY_ACCESS_TOKEN, or with SHOPIFY_API_KEY and SHOPIFY_API_SECRET, it configures Shopify.',
    aliases: ['SHOPIFY_STORE', 'SHOPIFY_STORE_URL', 'SHOPIFY_SHOP_NAME', 'SHOPIFY_SHOP_URL']
  }, 'shop')),
  SHOPIFY_ACCESS_TOKEN: Type.Optional(text({
    group: 'Shopify', description: 'The access token of the Admin API.', secret: true, aliases: ['SHOPIFY_GRAPHQL_TOKEN']
  })),
  SHOPIFY_API_KEY: Type.Optional(text({
    group: 'Shopify', description: 'The client id of the app, used with its secret where there is no access token.', secret: true
  })),
  SHOPIFY_API_SECRET: Type.Optional(text({ group: 'Shopify', description: 'The client secret of the app.', secret: true })),
  SHOPIFY_WEBHOOK_SECRET: Type.Optional(text({ group: 'Shopify', description: 'The key that signs webhooks of the shop.', secret: true })),
  SHOPIFY_WEBHOOK_SECRET_PREVIOUS: Type.Optional(text({
    group: 'Shopify', description: 'The key before that one, accepted as well while it is being changed.', secret: true
  })),

  OPENAI_API_KEY: Type.Optional(text({
    group: 'Language model', description: 'The key of the language model. It or OPENAI_BASE_URL configures the model.', secret: true
  })),
  OPENAI_BASE_URL: httpUrl({
    group: 'Language model', description: 'The URL of an OpenAI-compatible server that takes the place of OpenAI.'
  }),
  OPENAI_MODEL: text({ group: 'Language model', description: 'The name of the model.', default: 'gpt-4o-mini' }),
  OPENAI_MAX_STEPS: integer(1, 50, {
    group: 'Language model', description: 'How often the model is asked for one reply: each time it calls tools is a step.', default: 8
  }),
  OPENAI_MAX_OUTPUT_TOKENS: integer(16, 1_000_000, {
    group: 'Language model',
    description: 'How many tokens the model may write for one reply, over all steps, its reasoning included. A reply that reaches it says so.',
    default: 4000
  }),
  OPENAI_MAX_REPLY_TOKENS: integer(16, 100_000_000, {
    group: 'Language model',
    description: 'How many tokens one reply may read and write over all steps; when they are spent, the model has to answer with what it knows.',
    default: 100_000
  }),
  OPENAI_HISTORY_TOKENS: integer(0, 10_000_000, {
    group: 'Language model',
    description: 'How much of the conversation before a question the model reads, newest messages first, in tokens estimated as a third of the bytes.',
    default: 8000
  }),
  MASK_PERSONAL_DATA: flag({
    group: 'Language model',
    description: 'The model reads placeholders in the place of email addresses, phone and card numbers; its answer has them back.',
    default: true
  }),
  OPENAI_PRICE_INPUT_PER_MTOK: amount(0, 1_000_000, {
    group: 'Language model',
    description: 'The price of a million tokens that the model reads, in any currency. With the next one, replies tell their cost; without, they tell none.'
  }),
  OPENAI_PRICE_OUTPUT_PER_MTOK: amount(0, 1_000_000, {
    group: 'Language model', description: 'The price of a million tokens that the model writes, in the same currency.'
  }),

  BIGQUERY_PROJECT_ID: identifier({ group: 'BigQuery', description: 'The Google Cloud project. It and the dataset configure BigQuery.' }),
  BIGQUERY_DATASET: identifier({ group: 'BigQuery', description: 'The dataset.' }),
  BIGQUERY_TABLE: identifier({ group: 'BigQuery', description: 'The table.' }),
  BIGQUERY_API_ENDPOINT: httpUrl({ group: 'BigQuery', description: 'The URL of an emulator that takes the place of BigQuery.' }),
  GOOGLE_APPLICATION_CREDENTIALS: filePath({ group: 'BigQuery', description: 'The path of the credentials file of a service account.' }),

  GITHUB_TOKEN: Type.Optional(text({ group: 'GitHub', description: 'The access token. It configures GitHub.', secret: true })),
  GITHUB_API_URL: httpUrl({
    group: 'GitHub',
    description: 'The URL of the REST API of a GitHub Enterprise Server, such as https://github.example.com/api/v3. Unset: https://api.github.com.'
  }),
  GITHUB_REPO_OWNER: identifier({ group: 'GitHub', description: 'The owner of the repository.' }),
  GITHUB_REPO_NAME: identifier({ group: 'GitHub', description: 'The name of the repository, without its owner.' }),
  GITHUB_WEBHOOK_SECRET: Type.Optional(text({
    group: 'GitHub', description: 'The key that signs webhooks of the repository.', secret: true
  })),
  GITHUB_WEBHOOK_SECRET_PREVIOUS: Type.Optional(text({
    group: 'GitHub', description: 'The key before that one, accepted as well while it is being changed.', secret: true
  })),

  WEBHOOK_ALLOW_PRIVATE: flag({
    group: 'Webhooks',
    description: 'Outgoing webhooks may go to plain http and to addresses of private networks. Whoever may enter an endpoint can then reach what this ' +
      'machine reaches.',
    default: false
  }),

  SENTRY_DSN: httpUrl({
    group: 'Other', description: 'The address of an error tracker.', secret: true, unused: 'errors are only logged'
  }),
  NUM_RECOMMENDATIONS: integer(1, 100, { group: 'Other', description: 'How many recommendations are made for a product.', default: 5 })
})

/** The values of all settings after parsing, by variable. */
export type Values = Static<typeof Environment>

/** All settings in the order of their groups, by variable. */
export const settings = Object.entries(Environment.properties) as unknown as ReadonlyArray<readonly [string, Setting]>

/** What the value of a setting may be; ends the sentence "NAME must be ...". */
export function allowedValues (setting: Setting): string {
  const format = setting.items?.format ?? setting.format
  if (setting.allowed !== undefined) return setting.allowed
  if (format !== undefined && format !== 'uri') return formats[format].allowed
  if (setting.type === 'boolean') return 'true or false (also 1 or 0, yes or no, on or off)'
  if (setting.type === 'number') return `a number from ${setting.minimum} to ${setting.maximum}, as 0.15`
  if (setting.type === 'integer') return `a whole number from ${setting.minimum} to ${setting.maximum}`
  return `one of ${[...setting.enum ?? [], ...Object.keys(setting.synonyms ?? {})].join(', ')}`
}
