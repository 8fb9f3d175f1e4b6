import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import fastify from 'fastify'
import t from 'tap'
import { findStale, generate } from '../docs/tools/configuration.ts'
import { ConfigError, loadConfig, readDotenv, redactedKeys, secretValues } from '../src/config/index.ts'
import type { Setting } from '../src/config/setting-kinds.ts'
import { settings } from '../src/config/settings.ts'

type Variables = Parameters<typeof loadConfig>[0]

const root = join(import.meta.dirname, '..')

const configOf = (variables: Variables) => loadConfig(variables).config

/** The error of variables that must be refused. */
function refusal (variables: Variables): ConfigError {
  try {
    loadConfig(variables)
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
  throw new Error(`accepted: ${JSON.stringify(variables)}`)
}

const accepted = (variables: Variables): boolean => {
  try {
    loadConfig(variables)
    return true
  } catch {
    return false
  }
}

/** A valid value that is not the default. */
function sample (name: string, setting: Setting): string {
  if (name === 'NODE_ENV') return 'production'
  if (setting.type === 'boolean') return String(setting.default !== true)
  if (setting.type === 'number') return '2.5'
  if (setting.type === 'integer') return String(Number(setting.default) + 1)
  if (setting.items?.format === 'origin') return 'https://sample.example'
  if (setting.items?.format === 'proxy') return '192.0.2.1'
  if (setting.enum !== undefined) return setting.enum.find((word) => word !== setting.default) ?? ''
  if (setting.format === 'redirect-target') return '/sample'
  if (setting.format === 'database') return `postgres://user:password-of-${name}@sample.example/x`
  if (setting.format === 'url' || setting.format === 'uri') return `https://user:password-of-${name}@sample.example/x`
  return `sample-${name.toLowerCase().replaceAll('_', '-')}`
}

t.test('nothing set: the development defaults', async (t) => {
  const { config, warnings } = loadConfig({})
  t.strictSame(warnings, [])
  t.strictSame(config, {
    profile: 'development',
    appName: 'Royal Equips Orchestrator',
    secretKey: undefined,
    server: {
      host: '127.0.0.1', port: 10000, trustProxy: [], corsOrigins: [], commandCenterUrl: undefined, metrics: true, legacyJson: false
    },
    access: {
      mode: 'optional',
      metricsOpen: false,
      oidc: {
        configured: false,
        missing: ['OIDC_ISSUER', 'OIDC_AUDIENCE'],
        issuer: undefined,
        audience: undefined,
        jwksUrl: undefined,
        roleClaim: 'role',
        nameClaim: 'sub'
      }
    },
    limits: { perKey: 6000, perAddress: 3000, streams: 200, queuedJobs: 100_000, connections: 20_000, loopDelayMs: 500 },
    store: {
      dataDir: './data',
      path: join('data', 'orchestrator.sqlite'),
      writerThread: false,
      databaseUrl: undefined,
      databaseTimeoutMs: 1500,
      redisUrl: undefined
    },
    retention: {
      sessionsDays: 90,
      jobsDays: 30,
      eventsDays: 30,
      scheduleRunsDays: 90,
      proposalsDays: 180,
      stockDays: 1100,
      maxSessions: 1_000_000,
      maxMessages: 5_000_000,
      maxJobs: 1_000_000,
      maxEvents: 1_000_000,
      maxScheduleRuns: 20_000,
      maxStreamEvents: 20_000
    },
    backups: { dir: undefined, everyMs: 86_400_000, keep: 7 },
    log: { level: 'info', format: 'auto', suppressHealth: true },
    role: 'all',
    work: { enabled: true, replyConcurrency: 64, agentConcurrency: 4, maxQueuedPerSession: 100 },
    streams: { enabled: true, heartbeatMs: 15000, retryMs: 2000 },
    shutdown: { drainDelayMs: 0, timeoutMs: 20000 },
    circuitBreaker: { failureThreshold: 5, recoveryTimeoutMs: 60000 },
    probes: { intervalMs: 30000 },
    webhooks: { allowPrivate: false },
    sandbox: { mode: 'auto', seed: 1, upstreams: ['shopify_api', 'bigquery', 'github_api'] },
    shopify: {
      configured: false,
      missing: ['SHOP_NAME', 'SHOPIFY_ACCESS_TOKEN'],
      shop: undefined,
      accessToken: undefined,
      apiKey: undefined,
      apiSecret: undefined,
      webhookSecret: undefined,
      oldWebhookSecret: undefined
    },
    llm: {
      configured: false,
      missing: ['OPENAI_API_KEY'],
      apiKey: undefined,
      baseUrl: undefined,
      model: 'gpt-4o-mini',
      maskPersonalData: true,
      budgets: { steps: 8, outputTokens: 4000, replyTokens: 100_000, historyTokens: 8000 },
      prices: { input: null, output: null }
    },
    bigquery: {
      configured: false,
      missing: ['BIGQUERY_PROJECT_ID', 'BIGQUERY_DATASET'],
      projectId: undefined,
      dataset: undefined,
      table: undefined,
      endpoint: undefined,
      credentialsFile: undefined
    },
    github: {
      configured: false,
      missing: ['GITHUB_TOKEN'],
      token: undefined,
      apiUrl: undefined,
      repoOwner: undefined,
      repoName: undefined,
      webhookSecret: undefined,
      oldWebhookSecret: undefined
    },
    sentryDsn: undefined,
    numRecommendations: 5
  })
})

t.test('profiles change defaults, and what is set wins over them', async (t) => {
  const testing = configOf({ NODE_ENV: 'testing' })
  t.match(testing, {
    profile: 'testing',
    server: { host: '127.0.0.1' },
    store: { path: ':memory:' },
    log: { level: 'silent', format: 'json' },
    work: { enabled: false },
    shutdown: { drainDelayMs: 0 }
  })
  const production = configOf({ NODE_ENV: 'production', DATA_DIR: '/var/lib/x' })
  t.match(production, {
    profile: 'production',
    server: { host: '0.0.0.0' },
    store: { path: join('/var/lib/x', 'orchestrator.sqlite') },
    log: { level: 'info', format: 'json' },
    work: { enabled: true },
    shutdown: { drainDelayMs: 5000 }
  })
  const own = { HOST: '::1', LOG_LEVEL: 'debug', LOG_FORMAT: 'pretty', BACKGROUND_WORK: 'on', DRAIN_DELAY_MS: '7' }
  for (const NODE_ENV of ['development', 'testing', 'production']) {
    t.match(configOf({ NODE_ENV, ...own }), {
      profile: NODE_ENV,
      server: { host: '::1' },
      log: { level: 'debug', format: 'pretty' },
      work: { enabled: true },
      shutdown: { drainDelayMs: 7 }
    })
  }
  t.equal(configOf({ LOG_FORMAT: 'auto' }).log.format, 'auto')
  t.equal(configOf({ LOG_FORMAT: 'AUTO', NODE_ENV: 'production' }).log.format, 'json', 'a terminal makes no difference in production')
})

t.test('NODE_ENV, else FLASK_ENV', async (t) => {
  t.equal(configOf({ FLASK_ENV: 'production' }).profile, 'production')
  t.equal(configOf({ NODE_ENV: '', FLASK_ENV: 'Production' }).profile, 'production')
  t.equal(configOf({ NODE_ENV: 'test' }).profile, 'testing')
  t.strictSame(loadConfig({ NODE_ENV: 'test', FLASK_ENV: 'testing' }).warnings, [], 'two words for one profile do not disagree')
  const { config, warnings } = loadConfig({ NODE_ENV: 'testing', FLASK_ENV: 'production' })
  t.equal(config.profile, 'testing')
  t.strictSame(warnings, ['NODE_ENV and FLASK_ENV differ: NODE_ENV is used.'])
  t.strictSame(refusal({ FLASK_ENV: 'staging' }).faults, ['FLASK_ENV must be one of development, testing, production, test'])
})

t.test('who is asked for a key: everybody but on a development machine, unless it is said', async (t) => {
  const mode = (variables: Record<string, string>): string => configOf(variables).access.mode
  t.equal(mode({}), 'optional')
  for (const HOST of ['localhost', '127.0.0.1', '127.8.0.1', '::1']) t.equal(mode({ HOST }), 'optional', HOST)
  for (const HOST of ['0.0.0.0', '::', '192.0.2.1', 'localhost.example.com', '127.example.com']) t.equal(mode({ HOST }), 'required', HOST)
  t.equal(mode({ NODE_ENV: 'production' }), 'required')
  t.equal(mode({ NODE_ENV: 'production', HOST: '127.0.0.1' }), 'required', 'a proxy may stand in front')
  t.equal(mode({ NODE_ENV: 'testing' }), 'off')
  t.equal(mode({ AUTH: 'required' }), 'required')
  t.equal(mode({ NODE_ENV: 'production', AUTH: 'OFF' }), 'off')
  t.match(loadConfig({ NODE_ENV: 'production', AUTH: 'off' }).warnings, [/^AUTH is off: /])
  t.strictSame(loadConfig({ NODE_ENV: 'production' }).warnings, [])
  t.match(loadConfig({ OIDC_ISSUER: 'https://id.example.com' }).warnings, [/^OIDC_AUDIENCE is not set: /])
})

t.test('every variable reaches the configuration', async (t) => {
  const untouched = JSON.stringify(configOf({}))
  for (const [name, setting] of settings) {
    const text = sample(name, setting)
    const more = name === 'ROLE' ? { DATABASE_URL: 'postgres://u@db/x' } : {}
    t.not(JSON.stringify(configOf({ [name]: text, ...more })), untouched, name)
    for (const alias of setting.aliases ?? []) {
      t.strictSame(configOf({ [alias]: text }), configOf({ [name]: text }), `${alias} is ${name}`)
    }
    t.equal(JSON.stringify(configOf({ [name]: '' })), untouched, `empty ${name} is unset`)
    t.equal(JSON.stringify(configOf({ [name]: ' \t ' })), untouched, `blank ${name} is unset`)
    t.strictSame(configOf({ [name]: ` ${text}\n`, ...more }), configOf({ [name]: text, ...more }), `blanks around ${name} are removed`)
  }
})

t.test('what the previous service was deployed with is accepted', async (t) => {
  const { config, warnings } = loadConfig({
    FLASK_ENV: 'production',
    SECRET_KEY: 'a-secret-key',
    APP_NAME: 'Royal Equips',
    COMMAND_CENTER_URL: '/docs',
    PORT: '10000',
    HOST: '0.0.0.0',
    SHOPIFY_API_KEY: 'key',
    SHOPIFY_API_SECRET: 'secret',
    SHOP_NAME: 'royal-equips',
    OPENAI_API_KEY: 'sk-x',
    OPENAI_MODEL: 'gpt-4o-mini',
    BIGQUERY_PROJECT_ID: 'project-1',
    BIGQUERY_DATASET: 'dataset',
    BIGQUERY_TABLE: 'table',
    GITHUB_TOKEN: 'ghp_x',
    ENABLE_METRICS: 'true',
    ENABLE_STREAMING: 'True',
    CIRCUIT_BREAKER_FAILURE_THRESHOLD: '5',
    CIRCUIT_BREAKER_RECOVERY_TIMEOUT: '60',
    LOG_LEVEL: 'INFO',
    SUPPRESS_HEALTH_LOGS: 'true',
    DATABASE_URL: 'sqlite:///app.db',
    REDIS_URL: 'redis://127.0.0.1:6379/0',
    NUM_RECOMMENDATIONS: '5'
  })
  t.ok(config.shopify.configured && config.llm.configured && config.bigquery.configured && config.github.configured)
  t.strictSame(warnings, [
    'COMMAND_CENTER_URL is /docs, as old deployment files have it: treated as unset.',
    'DATABASE_URL names an SQLite file, as old deployment files do: the embedded store in DATA_DIR is used.',
    'SECRET_KEY is set, but this version does not use it: nothing is signed with it.',
    'REDIS_URL is set, but this version does not use it: queues, streams and limits live in the store.'
  ])
})

t.test('all faults are named at once, without their values', async (t) => {
  const canary = 'can ary\u0001'
  const wrong = Object.fromEntries(settings.map(([name]) => [name, canary]))
  const { message, faults, name } = refusal(wrong)
  t.equal(name, 'ConfigError')
  t.strictSame(faults.map((fault) => fault.split(' ')[0]), settings.map(([name]) => name))
  t.equal(message, ['The configuration is not valid:', ...faults.map((fault) => `- ${fault}`)].join('\n'))
  t.notMatch(message, /can ary/)
  t.strictSame(refusal({ PORT: '65536', ENABLE_METRICS: 'maybe' }).faults, [
    'PORT must be a whole number from 0 to 65535',
    'ENABLE_METRICS must be true or false (also 1 or 0, yes or no, on or off)'
  ])
  t.strictSame(
    refusal({ SHOPIFY_GRAPHQL_TOKEN: 'a\u0007b' }).faults,
    ['SHOPIFY_GRAPHQL_TOKEN must be one line of text'],
    'the variable that was set is blamed'
  )
})

t.test('a URL that nothing can be called by is refused', async (t) => {
  const { faults } = refusal({ OPENAI_BASE_URL: 'https://user:canary@host.example:99999/v1?key=canary' })
  t.strictSame(faults, ['OPENAI_BASE_URL must be an absolute http or https URL'])
  t.equal(configOf({ OPENAI_BASE_URL: 'https://host.example:65535/v1' }).llm.baseUrl, 'https://host.example:65535/v1')
})

t.test('a credentials file is named, not pasted', async (t) => {
  for (const GOOGLE_APPLICATION_CREDENTIALS of ['{"private_key":"canary"}', 'canary'.repeat(200)]) {
    const { message, faults } = refusal({ GOOGLE_APPLICATION_CREDENTIALS })
    t.strictSame(faults, ['GOOGLE_APPLICATION_CREDENTIALS must be the path of a file, not what stands in it'])
    t.notMatch(message, /canary/)
  }
  t.equal(configOf({ GOOGLE_APPLICATION_CREDENTIALS: '/run/secrets/key {1}.json' }).bigquery.credentialsFile, '/run/secrets/key {1}.json')
})

t.test('numbers and flags', async (t) => {
  for (const PORT of ['0', '1', '65535', '080']) t.equal(configOf({ PORT }).server.port, Number(PORT))
  for (const PORT of ['-1', '65536', '1.5', '0x10', '1e3', '10000a', 'tcp://10.0.0.1:80', '99999999999999999999']) {
    t.notOk(accepted({ PORT }), PORT)
  }
  for (const price of ['0', '0.15', '60', '1000000']) t.equal(configOf({ OPENAI_PRICE_INPUT_PER_MTOK: price }).llm.prices.input, Number(price))
  for (const price of ['-1', '1e3', '.5', '1,5', 'NaN', 'free', '1000001']) t.notOk(accepted({ OPENAI_PRICE_INPUT_PER_MTOK: price }), price)
  t.equal(configOf({ CIRCUIT_BREAKER_RECOVERY_TIMEOUT: '30' }).circuitBreaker.recoveryTimeoutMs, 30_000)
  for (const word of ['true', 'TRUE', '1', 'Yes', 'on']) t.equal(configOf({ LEGACY_JSON: word }).server.legacyJson, true, word)
  for (const word of ['false', 'False', '0', 'NO', 'off']) t.equal(configOf({ ENABLE_METRICS: word }).server.metrics, false, word)
  for (const word of ['2', 'y', 'enabled', 'truee']) t.notOk(accepted({ LEGACY_JSON: word }), word)
})

t.test('log levels, in the words of pino and of Python', async (t) => {
  const levels = {
    TRACE: 'trace', Debug: 'debug', info: 'info', WARNING: 'warn', warn: 'warn', ERROR: 'error', CRITICAL: 'fatal', silent: 'silent'
  }
  for (const [text, level] of Object.entries(levels)) t.equal(configOf({ LOG_LEVEL: text }).log.level, level, text)
  t.notOk(accepted({ LOG_LEVEL: 'loud' }))
})

t.test('COMMAND_CENTER_URL is taken as written', async (t) => {
  for (const url of ['/app', '/app?x=1#y', '/docs/', 'https://cc.example.com/a?b=c', 'HTTP://cc.example.com']) {
    const { config, warnings } = loadConfig({ COMMAND_CENTER_URL: url })
    t.equal(config.server.commandCenterUrl, url)
    t.strictSame(warnings, [])
  }
  for (const url of [
    '//evil.example', '/\\evil.example', 'app', 'javascript:alert(1)', 'ftp://x.example', '/a\r\nSet-Cookie: x', '/a b', '/\u00e4',
    'https://'
  ]) {
    t.notOk(accepted({ COMMAND_CENTER_URL: url }), JSON.stringify(url))
  }
  t.equal(configOf({ COMMAND_CENTER_URL: '/docs' }).server.commandCenterUrl, undefined)
})

t.test('CORS_ORIGINS is a list of origins as browsers send them', async (t) => {
  t.strictSame(
    configOf({ CORS_ORIGINS: 'https://A.example.com, http://localhost:3000/,,https://a.example.com:443' }).server.corsOrigins,
    ['https://a.example.com', 'http://localhost:3000']
  )
  for (const origin of [
    '*', 'https://*.example.com', 'null', 'a.example.com', 'https://a.example.com/x', 'https://a.example.com?', 'https://a.example.com#',
    'https://u:p@a.example.com', 'ftp://a.example.com'
  ]) {
    t.notOk(accepted({ CORS_ORIGINS: `https://ok.example.com,${origin}` }), origin)
  }
})

t.test('TRUST_PROXY is a list of addresses that Fastify accepts', async (t) => {
  const proxies = ['127.0.0.1', '10.0.0.0/8', '192.0.2.1/32', '::1', 'fd00::/8', '::ffff:10.0.0.1', '2001:db8::1/128']
  const { trustProxy } = configOf({ TRUST_PROXY: proxies.join(' , ') }).server
  t.strictSame(trustProxy, proxies)
  const app = fastify({ trustProxy: [...trustProxy] })
  t.teardown(() => app.close())
  app.get('/', async (request) => request.ip)
  const answer = await app.inject({ url: '/', remoteAddress: '10.1.2.3', headers: { 'x-forwarded-for': '203.0.113.9' } })
  t.equal(answer.body, '203.0.113.9')
  for (const proxy of [
    'true', 'false', '1', '*', 'loopback', 'proxy.example', '0.0.0.0/0', '::/0', '10.0.0.0/33', '10.0.0.0/8/8', '10.0.0.0/', 'fe80::1%eth0'
  ]) {
    t.notOk(accepted({ TRUST_PROXY: `127.0.0.1,${proxy}` }), proxy)
  }
  t.match(refusal({ TRUST_PROXY: 'true' }).message, /true, numbers of hops and ranges of \/0 are refused, because/)
})

t.test('roles need a database that processes can share', async (t) => {
  const DATABASE_URL = 'postgres://u@db/x'
  t.match(configOf({ ROLE: 'api', DATABASE_URL }), { role: 'api', work: { enabled: false } })
  t.match(configOf({ ROLE: 'web', DATABASE_URL }), { role: 'api' })
  t.match(configOf({ ROLE: 'worker', DATABASE_URL }), { role: 'worker', work: { enabled: true } })
  t.match(refusal({ ROLE: 'api' }).faults, [/ROLE api needs DATABASE_URL/])
  t.match(refusal({ ROLE: 'worker', DATABASE_URL: 'sqlite:///app.db' }).faults, [/ROLE worker needs DATABASE_URL/])
  t.match(refusal({ ROLE: 'worker', DATABASE_URL, BACKGROUND_WORK: 'off' }).faults, [/would do nothing/])
})

t.test('hosts and URLs', async (t) => {
  for (const HOST of ['localhost', '0.0.0.0', '::', 'fe80::1%eth0', 'node-1.internal']) t.equal(configOf({ HOST }).server.host, HOST)
  for (const HOST of ['http://0.0.0.0', '0.0.0.0:80', '[::1]', '-x', 'a/b']) t.notOk(accepted({ HOST }), HOST)
  t.equal(configOf({ OPENAI_BASE_URL: 'http://127.0.0.1:11434/v1' }).llm.baseUrl, 'http://127.0.0.1:11434/v1')
  for (const OPENAI_BASE_URL of ['127.0.0.1:11434', 'ftp://x.example', 'http://', 'http://a b']) {
    t.notOk(accepted({ OPENAI_BASE_URL }), OPENAI_BASE_URL)
  }
  for (const DATABASE_URL of ['postgres://u:p%40s@db:5432/x', 'postgresql://u@db/x?sslmode=require', 'postgresql+psycopg2://u:p@db/x']) {
    t.equal(configOf({ DATABASE_URL }).store.databaseUrl, DATABASE_URL.replace(/^postgresql(\+psycopg2)?/, 'postgres'))
  }
  for (const DATABASE_URL of ['db.example', 'postgres:x', 'postgres://a b', 'mysql://u@db/x']) t.notOk(accepted({ DATABASE_URL }), DATABASE_URL)
})

t.test('the shop has many names and spellings and is one handle', async (t) => {
  for (const name of ['SHOP_NAME', 'SHOPIFY_STORE', 'SHOPIFY_STORE_URL', 'SHOPIFY_SHOP_NAME', 'SHOPIFY_SHOP_URL']) {
    for (const text of [
      'my-shop', 'My-Shop.myshopify.com', 'https://my-shop.myshopify.com', 'http://my-shop.myshopify.com/admin', 'https://my-shop/'
    ]) {
      t.equal(configOf({ [name]: text }).shopify.shop, 'my-shop', `${name}=${text}`)
    }
  }
  for (const text of ['shop.example.com', '-x', 'a b', 'my_shop', 'https://', 'my-shop.myshopify.com.evil.example']) {
    t.notOk(accepted({ SHOP_NAME: text }), text)
  }
})

t.test('two names of one thing that disagree: a warning with both names and no value', async (t) => {
  t.strictSame(loadConfig({ SHOP_NAME: 'alpha', SHOPIFY_STORE_URL: 'https://alpha.myshopify.com' }).warnings, [], 'the same shop')
  const shop = loadConfig({
    SHOPIFY_SHOP_URL: 'alpha', SHOPIFY_STORE: 'beta', SHOPIFY_STORE_URL: 'beta.myshopify.com', SHOPIFY_SHOP_NAME: 'gamma'
  })
  t.equal(shop.config.shopify.shop, 'beta')
  t.strictSame(shop.warnings, ['SHOPIFY_STORE and SHOPIFY_SHOP_NAME, SHOPIFY_SHOP_URL differ: SHOPIFY_STORE is used.'])
  const token = loadConfig({ SHOPIFY_ACCESS_TOKEN: 'shpat_one', SHOPIFY_GRAPHQL_TOKEN: 'shpat_two' })
  t.equal(token.config.shopify.accessToken, 'shpat_one')
  t.strictSame(token.warnings, ['SHOPIFY_ACCESS_TOKEN and SHOPIFY_GRAPHQL_TOKEN differ: SHOPIFY_ACCESS_TOKEN is used.'])
})

t.test('an integration says whether it is configured and what is missing', async (t) => {
  const shopify = (variables: Variables) => configOf({ SHOP_NAME: 'x', ...variables }).shopify
  t.match(shopify({ SHOPIFY_ACCESS_TOKEN: 'token' }), { configured: true, missing: [] })
  t.match(shopify({ SHOPIFY_API_KEY: 'key', SHOPIFY_API_SECRET: 'secret' }), { configured: true, missing: [] })
  t.strictSame(shopify({}).missing, ['SHOPIFY_ACCESS_TOKEN'])
  t.strictSame(shopify({ SHOPIFY_API_KEY: 'key' }).missing, ['SHOPIFY_API_SECRET'])
  t.strictSame(shopify({ SHOPIFY_API_SECRET: 'secret' }).missing, ['SHOPIFY_API_KEY'])
  t.match(configOf({ SHOPIFY_ACCESS_TOKEN: 'token' }).shopify, { configured: false, missing: ['SHOP_NAME'] })
  t.match(configOf({ OPENAI_API_KEY: 'key' }).llm, { configured: true, missing: [] })
  t.match(configOf({ OPENAI_BASE_URL: 'http://localhost/v1' }).llm, { configured: true, missing: [] })
  t.match(configOf({ BIGQUERY_PROJECT_ID: 'p', BIGQUERY_DATASET: 'd' }).bigquery, { configured: true, missing: [] })
  t.strictSame(configOf({ BIGQUERY_PROJECT_ID: 'p', BIGQUERY_TABLE: 't' }).bigquery.missing, ['BIGQUERY_DATASET'])
  t.match(configOf({ GITHUB_TOKEN: 'token' }).github, { configured: true, missing: [] })
  t.notOk(configOf({ GITHUB_REPO_OWNER: 'o', GITHUB_REPO_NAME: 'n' }).github.configured)
})

t.test('the sandbox stands in for what is not configured, and never in production', async (t) => {
  const upstreams = (variables: Variables) => configOf(variables).sandbox.upstreams
  const shopify = { SHOP_NAME: 'x', SHOPIFY_ACCESS_TOKEN: 'token' }
  t.strictSame(upstreams({ OPENAI_API_KEY: 'key', ...shopify }), ['bigquery', 'github_api'], 'never for the model by itself')
  t.strictSame(upstreams({ SHOP_NAME: 'x' }), ['shopify_api', 'bigquery', 'github_api'], 'half configured is not configured')
  t.strictSame(upstreams({ BIGQUERY_PROJECT_ID: 'p', BIGQUERY_DATASET: 'd', GITHUB_TOKEN: 'token', ...shopify }), [])
  t.strictSame(upstreams({ SANDBOX: 'off' }), [])
  t.strictSame(upstreams({ NODE_ENV: 'testing' }), [])
  t.strictSame(upstreams({ NODE_ENV: 'testing', SANDBOX: 'Auto', ...shopify }), ['bigquery', 'github_api'])
  t.strictSame(upstreams({ NODE_ENV: 'production' }), [])
  t.strictSame(upstreams({ NODE_ENV: 'production', SANDBOX: 'off' }), [])

  const all = loadConfig({ SANDBOX: 'all', GITHUB_TOKEN: 'token', OPENAI_BASE_URL: 'http://localhost/v1', SHOPIFY_STORE: 'x', SHOPIFY_GRAPHQL_TOKEN: 'token' })
  t.strictSame(all.config.sandbox.upstreams, ['shopify_api', 'bigquery', 'github_api', 'llm'])
  t.strictSame(all.warnings, ['SHOPIFY_STORE', 'OPENAI_BASE_URL', 'GITHUB_TOKEN'].map((name) =>
    `SANDBOX is all: ${name} is set, but a stand-in takes the place of what it configures.`))

  for (const SANDBOX of ['auto', 'all']) {
    for (const name of ['NODE_ENV', 'FLASK_ENV']) t.match(refusal({ [name]: 'Production', SANDBOX }).faults, [/^SANDBOX must be off or unset in production: /])
  }
  const { faults } = refusal({ NODE_ENV: 'production', SANDBOX: 'auto', PORT: 'x' })
  t.strictSame(faults.map((fault) => fault.split(' ')[0]), ['PORT', 'SANDBOX'], 'with all others')
  t.strictSame(refusal({ NODE_ENV: 'production', SANDBOX: 'maybe' }).faults, ['SANDBOX must be one of auto, all, off'], 'one fault is said once')
})

t.test('the origin of each value is kept, and nothing of a secret', async (t) => {
  const secret = 'canarycanary'
  const { origins } = loadConfig({
    SHOPIFY_STORE_URL: 'https://My-Shop.myshopify.com',
    SHOPIFY_GRAPHQL_TOKEN: `shpat_${secret}`,
    SHOPIFY_API_SECRET: secret,
    GITHUB_TOKEN: `github_pat_${secret}`,
    OPENAI_API_KEY: 'sk-',
    OPENAI_BASE_URL: `https://user:${secret}@model.example/v1?key=${secret}`,
    NUM_RECOMMENDATIONS: '7',
    APP_NAME: ' ',
    COMMAND_CENTER_URL: '/docs'
  })
  t.strictSame(Object.fromEntries(origins), {
    SHOP_NAME: { variable: 'SHOPIFY_STORE_URL', shown: 'my-shop' },
    SHOPIFY_ACCESS_TOKEN: { variable: 'SHOPIFY_GRAPHQL_TOKEN', shown: 'shpat_… (18 characters)' },
    SHOPIFY_API_SECRET: { variable: 'SHOPIFY_API_SECRET', shown: '(12 characters)' },
    OPENAI_API_KEY: { variable: 'OPENAI_API_KEY', shown: '(3 characters)' },
    OPENAI_BASE_URL: { variable: 'OPENAI_BASE_URL', shown: 'https://***@model.example/v1?***' },
    GITHUB_TOKEN: { variable: 'GITHUB_TOKEN', shown: 'github_pat_… (23 characters)' },
    NUM_RECOMMENDATIONS: { variable: 'NUM_RECOMMENDATIONS', shown: '7' }
  })
  const secrets = settings.filter(([, setting]) => setting.secret === true)
  for (const [name, setting] of secrets) {
    for (const value of [sample(name, setting), `ghp_${secret}`]) {
      if (!accepted({ [name]: value })) continue
      const shown = loadConfig({ [name]: value }).origins.get(name)?.shown ?? value
      t.match(shown, /^(ghp_… )?\(\d+ characters\)$/, name)
    }
  }
})

t.test('secrets can be found for redaction', async (t) => {
  const secrets = settings.filter(([, setting]) => setting.secret === true)
  const config = configOf(Object.fromEntries(secrets.map(([name, setting]) => [name, sample(name, setting)])))
  const found = secretValues(config)
  for (const [name, setting] of secrets) {
    t.ok(found.includes(sample(name, setting)), name)
    for (const key of [name, ...setting.aliases ?? []]) t.ok(redactedKeys.includes(key), key)
  }
  const shown = JSON.stringify(config, (key, value) => redactedKeys.includes(key) ? undefined : value)
  for (const secret of found) t.notOk(shown.includes(secret), 'no secret stands under a name that is not redacted')

  t.strictSame(secretValues(configOf({ OPENAI_BASE_URL: 'http://localhost/v1', APP_NAME: 'not a secret' })), [])
  t.strictSame(secretValues(configOf({ GITHUB_API_URL: 'https://user:pass-word@git.example/api' })), ['pass-word'], 'a URL that is no secret may hold one')
  t.strictSame(
    secretValues(configOf({ GITHUB_TOKEN: '12345', OPENAI_API_KEY: '123456' })), ['123456'], 'short ones would redact ordinary words'
  )
  t.strictSame(secretValues(configOf({ SECRET_KEY: 'same-secret', GITHUB_TOKEN: 'same-secret' })), ['same-secret'])
  t.strictSame(
    secretValues(configOf({ DATABASE_URL: 'postgres://user:p%40ss-word@db/x', REDIS_URL: 'redis://:100%-secret@cache' })),
    ['postgres://user:p%40ss-word@db/x', 'p%40ss-word', 'p@ss-word', 'redis://:100%-secret@cache', '100%-secret']
  )
})

t.test('loading changes nothing and reads nothing but what it is given', async (t) => {
  const variables = Object.freeze({ PORT: '1', CORS_ORIGINS: 'https://a.example' })
  const before = { ...process.env }
  process.env.NUM_RECOMMENDATIONS = '77'
  t.teardown(() => { process.env = before })
  const { config } = loadConfig(variables)
  t.equal(config.numRecommendations, 5)
  t.strictSame(configOf(variables), config, 'a second load gives the same')
  t.not(configOf(variables).server.corsOrigins, config.server.corsOrigins, 'and shares nothing with the first')
  const parts = [config, ...Object.values(config), config.server.trustProxy, config.server.corsOrigins, config.shopify.missing]
  t.ok(parts.every((part) => Object.isFrozen(part)), 'all of it is frozen')
})

t.test('a .env file', async (t) => {
  const path = join(t.testdir({ '.env': 'PORT=1234\n# HOST=x\nAPP_NAME="Two words"\n' }), '.env')
  t.strictSame({ ...readDotenv(path) }, { PORT: '1234', APP_NAME: 'Two words' })
  t.strictSame(readDotenv(join(path, '..', 'absent')), {})
  t.throws(() => readDotenv(join(path, '..')), { code: 'EISDIR' })
})

t.test('docs/configuration.md and .env.example say what the settings say', async (t) => {
  t.strictSame(findStale(root), [], 'run "node docs/tools/configuration.ts"')
  execFileSync(process.execPath, [join(root, 'docs/tools/configuration.ts'), '--check'])

  const copy = t.testdir()
  t.strictSame(findStale(copy), ['docs/configuration.md', '.env.example'], 'missing files are stale')
  mkdirSync(join(copy, 'docs'))
  for (const { path, text } of generate()) writeFileSync(join(copy, path), text)
  t.strictSame(findStale(copy), [])
  writeFileSync(join(copy, '.env.example'), 'PORT=1\n')
  t.strictSame(findStale(copy), ['.env.example'])
})

t.test('.env.example is harmless as it is, and states the defaults', async (t) => {
  const text = readFileSync(join(root, '.env.example'), 'utf8')
  t.strictSame({ ...parseEnv(text) }, {})
  const uncommented = parseEnv(text.replace(/^#(?=[A-Z_]+=)/gm, ''))
  t.strictSame(Object.keys(uncommented).sort(), settings.map(([name]) => name).sort())
  const { config, warnings } = loadConfig(uncommented)
  t.strictSame([config, warnings], [configOf({}), []])
  for (const line of text.split('\n')) t.ok(line.length <= 140, line.slice(0, 40))
})
