// The composition root: one ordered list of what the system is made of.
import Fastify, { type FastifyInstance } from 'fastify'
import cors from '@fastify/cors'
import helmet from '@fastify/helmet'
import sensible from '@fastify/sensible'
import type { Logger } from 'pino'
import access from '../plugins/access.ts'
import answerLog from '../plugins/answer-log.ts'
import apiHeaders from '../plugins/api-headers.ts'
import backups from '../plugins/backups.ts'
import body from '../plugins/body.ts'
import { createDocsPages } from '../plugins/docs-pages.ts'
import doctor from '../plugins/doctor.ts'
import errors from '../plugins/errors.ts'
import idempotency from '../plugins/idempotency.ts'
import limits from '../plugins/limits.ts'
import metrics from '../plugins/metrics.ts'
import negotiation from '../plugins/negotiation.ts'
import openapi from '../plugins/openapi.ts'
import orchestratorPlugin from '../plugins/orchestrator.ts'
import routeMethods from '../plugins/route-methods.ts'
import { serverOptions } from '../plugins/server-options.ts'
import sse from '../plugins/sse.ts'
import upstreams, { createBreakers, isConfigured, LABELS, type StandIns, type Upstreams } from '../plugins/upstreams.ts'
import agentRoutes from '../routes/agents/index.ts'
import briefRoutes from '../routes/brief/index.ts'
import circuitBreakerRoutes from '../routes/circuit-breakers/index.ts'
import commandCenterRoutes from '../routes/command-center/index.ts'
import docsRoutes from '../routes/docs/index.ts'
import doctorRoutes from '../routes/doctor/index.ts'
import effectRoutes from '../routes/effects/index.ts'
import eventRoutes from '../routes/events/index.ts'
import exportRoutes from '../routes/export/index.ts'
import feedRoutes from '../routes/feeds/index.ts'
import freezeRoutes from '../routes/freeze/index.ts'
import healthRoutes from '../routes/health/index.ts'
import historyRoutes from '../routes/history/index.ts'
import homeRoutes from '../routes/home/index.ts'
import jobRoutes from '../routes/jobs/index.ts'
import keyRoutes from '../routes/keys/index.ts'
import metricsRoutes from '../routes/metrics/index.ts'
import policyRoutes from '../routes/policies/index.ts'
import privacyRoutes from '../routes/privacy/index.ts'
import proposalRoutes from '../routes/proposals/index.ts'
import scheduleRoutes from '../routes/schedules/index.ts'
import { ErrorSchema } from '../routes/schemas.ts'
import streamRoutes from '../routes/stream/index.ts'
import webhookEndpointRoutes from '../routes/webhooks/endpoints.ts'
import webhookRoutes from '../routes/webhooks/index.ts'
import packageJson from '../package.json' with { type: 'json' }
import { agents, createAssistant } from './agents/index.ts'
import { integrationFacts, secretValues, type Config, type Loaded, type UpstreamName } from './config/index.ts'
import type { AccessEntry, TokenVerifier } from './core/access.ts'
import type { AgentDefinition } from './core/agent.ts'
import { systemClock, type Clock } from './core/clock.ts'
import { readOnly } from './core/commerce.ts'
import { keyedClock } from './core/keyed.ts'
import { Keys } from './core/keys.ts'
import { Orchestrator, type OrchestratorOptions } from './core/orchestrator.ts'
import { systemRandom, type Random } from './core/random.ts'
import { createScrubber } from './core/scrubber.ts'
import type { Store } from './core/store.ts'
import { createTraffic } from './core/traffic.ts'
import type { WebhookSender } from './core/webhooks/delivery.ts'
import { createWebhookSender } from './integrations/webhooks/index.ts'
import { openStore, type CommitObserver, type StoreOptions } from './store/index.ts'

/** What tests and benchmarks put in the place of the real parts. */
export interface Parts {
  agents?: AgentDefinition[]
  assistant?: OrchestratorOptions['assistant']
  clock?: Clock
  random?: Random
  /** Wraps the store before anything uses it. */
  wrapStore?: (store: Store) => Store
  /** Nothing else is then called, and no sandbox starts. */
  upstreams?: Upstreams
  /** False: keys of requests mean nothing, as the control of a check needs it. */
  idempotency?: false
  /** In the place of the table of who may do what. */
  access?: Readonly<Record<string, AccessEntry>>
  /** Sends outgoing webhooks in the place of the real one. */
  webhookSender?: WebhookSender
  /** A sandbox that runs already stands in, and none is started. */
  sandbox?: StandIns
  /** See OrchestratorOptions. */
  settleMs?: number
  /** What is known of the configuration beside its values: the doctor tells it. */
  settings?: Pick<Loaded, 'origins' | 'warnings'>
}

/** Builds the app; `listen` or `ready` starts it. @throws StoreLockedError when another process owns the store. */
export const buildApp = async (config: Config, logger: Logger, parts: Parts = {}): Promise<FastifyInstance> => {
  const { version } = packageJson
  const traffic = createTraffic()
  const app: FastifyInstance = Fastify(serverOptions({ config, logger, traffic }))

  await app.register(sensible)
  await app.register(routeMethods)
  await app.register(negotiation)
  await app.register(errors)
  await app.register(body)
  await app.register(metrics, { enabled: config.server.metrics })
  await app.register(openapi, { title: config.appName, version, keysNeeded: config.access.mode === 'required' })
  await app.register(sse, config.streams)
  app.addSchema(ErrorSchema)

  const clock = keyedClock(parts.clock ?? systemClock)
  const random = parts.random ?? systemRandom
  const { origins, warnings } = parts.settings ?? { origins: new Map(), warnings: [] }
  const store = await openStore(storeOptions(config, logger, app.telemetry.onCommit))
  const sandbox = parts.sandbox ?? (parts.upstreams === undefined ? await startSandbox(config, logger) : undefined)
  const breakers = createBreakers(config, isCallable(config, sandbox, parts.upstreams), { clock, log: logger })
  await app.register(upstreams, { config, sandbox, breakers, clock, random, log: logger, replacement: parts.upstreams })
  const { list, model, commerce, ...others } = app.upstreams
  const ports = { ...others, ...(commerce === undefined ? {} : { commerce: readOnly(commerce) }) }
  const missing = Object.fromEntries(integrationFacts(config, origins).map((facts) => [facts.name, facts.missing]))
  const assistantOptions = {
    appName: config.appName,
    version,
    baseUrl: baseUrl(config),
    clock,
    ports,
    missing,
    maskPersonalData: config.llm.maskPersonalData,
    ...(model === undefined ? {} : { model })
  }
  const sender = parts.webhookSender ?? createSender(app, config)
  const orchestrator = new Orchestrator({
    store: parts.wrapStore?.(store) ?? store,
    breakers,
    agents: parts.agents ?? agents,
    assistant: parts.assistant ?? ((system) => createAssistant(system, assistantOptions)),
    clock,
    random,
    log: logger,
    observer: app.telemetry.observer,
    scrub: createScrubber(secretValues(config)),
    traffic,
    upstreams: list,
    ports,
    ...(commerce === undefined ? {} : { commerce }),
    webhookSender: sender,
    settings: { ...config.work, missing, probeIntervalMs: config.probes.intervalMs, settleMs: parts.settleMs, retention: config.retention }
  })
  app.telemetry.watch(orchestrator)
  await app.register(orchestratorPlugin, { orchestrator, work: config.work.enabled, finishWithinMs: config.shutdown.timeoutMs })
  const verify = await tokenVerifier(config)
  await app.register(access, {
    mode: config.access.mode,
    metricsOpen: config.access.metricsOpen,
    keys: new Keys({ store: orchestrator.store, clock, log: logger }),
    clock,
    complete: config.role !== 'worker',
    ...(verify === undefined ? {} : { verify }),
    ...(parts.access === undefined ? {} : { table: parts.access })
  })
  await app.register(limits, {
    ...config.limits,
    clock,
    countQueued: async () => (await orchestrator.store.stats()).jobs.reduce((sum, { status, count }) => status === 'queued' ? sum + count : sum, 0)
  })
  await app.register(backups, { ...config.backups, clock, log: logger })
  await app.register(doctor, { config, origins, warnings, version, clock })

  const draining = () => orchestrator.health.draining
  const onAnswer: Parameters<typeof answerLog>[1]['onAnswer'] = (answer) => {
    if (answer.status >= 500) traffic.server_errors += 1
    else if (answer.status >= 400) traffic.client_errors += 1
    app.telemetry.onAnswer(answer)
  }

  if (config.server.corsOrigins.length > 0) await app.register(cors, { ...CORS, origin: [...config.server.corsOrigins] })

  // Probes: no headers, no metrics, and no log line unless asked for.
  await app.register(async (probes) => {
    if (!config.log.suppressHealth) await probes.register(answerLog, { onAnswer: () => {} })
    await probes.register(healthRoutes, { serviceName: config.appName })
  })

  // Programs: constant headers. People's pages: helmet with a policy of their own.
  await app.register(async (api) => {
    await api.register(answerLog, { onAnswer })
    await api.register(apiHeaders, { production: config.profile === 'production', draining })
    await api.register(metricsRoutes, { version, legacyJson: config.server.legacyJson })
    // A worker is asked how it is, and nothing else.
    if (config.role === 'worker') return
    if (parts.idempotency !== false) await api.register(idempotency, { store: orchestrator.store, sole: store.exclusive, clock })
    await api.register(agentRoutes, { streaming: config.streams.enabled })
    await api.register(jobRoutes)
    await api.register(eventRoutes)
    await api.register(scheduleRoutes)
    await api.register(webhookRoutes, webhookKeys(config))
    await api.register(webhookEndpointRoutes)
    await api.register(privacyRoutes)
    await api.register(briefRoutes)
    await api.register(proposalRoutes)
    await api.register(effectRoutes)
    await api.register(policyRoutes)
    await api.register(freezeRoutes)
    await api.register(feedRoutes)
    await api.register(historyRoutes)
    await api.register(exportRoutes, { version })
    await api.register(circuitBreakerRoutes)
    await api.register(keyRoutes)
    // Where a key is needed, the table has said who is asked.
    await api.register(doctorRoutes, { everybody: config.profile === 'development' || config.access.mode === 'required' })
    await api.register(streamRoutes)
    await api.register(commandCenterRoutes, { url: config.server.commandCenterUrl })
  })
  if (config.role === 'worker') return app
  await app.register(async (pages) => {
    await pages.register(answerLog, { onAnswer })
    await pages.register(helmet, { contentSecurityPolicy: { directives: PAGE_POLICY }, hsts: config.profile === 'production' })
    await pages.register(homeRoutes, { service: config.appName, version })
    await pages.register(docsRoutes, {
      title: config.appName,
      version,
      legacyJson: config.server.legacyJson,
      createPages: (document) => createDocsPages({ title: config.appName, document, policy: PAGE_POLICY, logger })
    })
  })
  return app
}

const CORS = {
  credentials: true,
  methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
  exposedHeaders: ['x-request-id', 'location', 'retry-after', 'ratelimit', 'ratelimit-policy', 'allow', 'idempotency-replayed', 'www-authenticate'],
  // A stray OPTIONS is answered like a preflight: a refusal would not have the shape of our errors.
  strictPreflight: false
}

// No upgrade-insecure-requests: on plain http away from loopback it leaves the pages blank.
const PAGE_POLICY = {
  defaultSrc: ["'none'"],
  scriptSrc: ["'self'"],
  styleSrc: ["'self'"],
  imgSrc: ["'self'", 'data:'],
  fontSrc: ["'self'"],
  connectSrc: ["'self'"],
  baseUri: ["'none'"],
  formAction: ["'none'"],
  frameAncestors: ["'none'"],
  upgradeInsecureRequests: null
}

/** The stand-ins that the configuration asks for. Production never gets here, and would be refused. */
const startSandbox = async (config: Config, log: Logger): Promise<StandIns | undefined> => {
  const { seed, upstreams: wanted } = config.sandbox
  if (wanted.length === 0) return undefined
  try {
    const sandbox = await (await import('../sandbox/index.ts')).startSandbox({ seed, upstreams: wanted, log })
    const names = wanted.filter((name) => sandbox.addresses[name] !== undefined).map((name) => LABELS[name])
    const are = names.length === 1 ? 'is a stand-in' : 'are stand-ins'
    // Its faults are set there; the port is a new one at each start.
    log.warn({ control: sandbox.addresses.control }, `SANDBOX: ${names.join(', ')} ${are} with a generated shop; nothing of it is real`)
    return sandbox
  } catch (error) {
    // It needs the development dependencies. The service does not need it.
    log.error({ err: error }, 'the sandbox could not be started: what is not configured stays out of reach')
    return undefined
  }
}

/** Its code is loaded where tokens are taken. */
const tokenVerifier = async ({ access: { mode, oidc } }: Config): Promise<TokenVerifier | undefined> => {
  const { issuer, audience } = oidc
  if (mode === 'off' || issuer === undefined || audience === undefined) return undefined
  return (await import('./integrations/oidc/index.ts')).createTokenVerifier({ ...oidc, issuer, audience })
}

const storeOptions = ({ store }: Config, log: Logger, onCommit: CommitObserver): StoreOptions => store.databaseUrl === undefined
  ? { file: store.path, writerThread: store.writerThread, onCommit }
  : { url: store.databaseUrl, timeoutMs: store.databaseTimeoutMs, log, onCommit }

const createSender = (app: FastifyInstance, { webhooks }: Config): WebhookSender => {
  const sender = createWebhookSender(webhooks)
  app.addHook('onClose', () => sender.close())
  return sender
}

const webhookKeys = ({ shopify, github }: Config) => ({
  // Shopify signs with the secret of the app, or with that of the webhooks made by hand.
  shopifySecrets: [shopify.webhookSecret, shopify.oldWebhookSecret, shopify.apiSecret].filter((secret) => secret !== undefined),
  githubSecrets: [github.webhookSecret, github.oldWebhookSecret].filter((secret) => secret !== undefined),
  shop: shopify.shop
})

const isCallable = (config: Config, sandbox: StandIns | undefined, given: Upstreams | undefined) => (name: UpstreamName): boolean =>
  isConfigured(config, name) || sandbox?.addresses[name] !== undefined || given?.list.some((one) => one.name === name) === true

/** Where this process can be asked from its own machine: the assistant's examples begin with it. */
const baseUrl = ({ server }: Config): string =>
  `http://${server.host === '0.0.0.0' || server.host === '::' ? '127.0.0.1' : server.host}:${server.port}`
