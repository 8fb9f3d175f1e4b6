// Builds what stands for each upstream, live or sandbox, as the configuration has it, puts it on the core instance and closes it at the end.
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import type { Config, UpstreamName } from '../src/config/index.ts'
import { createBreakerRegistry, type BreakerRegistry } from '../src/core/breaker-registry.ts'
import type { Clock } from '../src/core/clock.ts'
import type { Commerce } from '../src/core/commerce.ts'
import type { LanguageModelPort } from '../src/core/language-model.ts'
import type { Logger } from '../src/core/log.ts'
import type { Random } from '../src/core/random.ts'
import type { Repository } from '../src/core/repository.ts'
import type { Source, Upstream } from '../src/core/upstream.ts'
import type { Warehouse } from '../src/core/warehouse.ts'

declare module 'fastify' {
  interface FastifyInstance {
    upstreams: Upstreams
  }
}

/** A port is undefined where its upstream is not configured and no sandbox stands in. */
export interface Upstreams {
  commerce?: Commerce
  /** Undefined as well where a token is configured, but no repository. */
  repository?: Repository
  warehouse?: Warehouse
  model?: LanguageModelPort
  /** Those that can be called. */
  list: Upstream[]
}

/** What a running sandbox says of itself: where its upstreams listen, and what they accept. */
export interface StandIns {
  addresses: Partial<Record<UpstreamName, string>>
  credentials: {
    shopify_api: { shop: string, access_token: string }
    github_api: { token: string, owner: string, repo: string }
    bigquery: { project_id: string, dataset: string }
    llm: { api_key: string, model: string }
  }
  close (): Promise<void>
}

export interface UpstreamsOptions {
  config: Config
  /** Stands in for whatever it has an address for. */
  sandbox: StandIns | undefined
  breakers: BreakerRegistry
  clock: Clock
  random: Random
  log: Logger
}

export interface UpstreamsPluginOptions extends UpstreamsOptions {
  /** In the place of all of them. */
  replacement: Upstreams | undefined
}

const plugin: FastifyPluginAsync<UpstreamsPluginOptions> = async (app, { replacement, ...options }) => {
  const { close, ...upstreams } = replacement === undefined ? await createUpstreams(options) : { ...replacement, close: async () => {} }
  app.decorate('upstreams', upstreams)
  app.addHook('onClose', async () => {
    await close()
    await options.sandbox?.close()
  })
}

export default fp(plugin, { name: 'upstreams', fastify: '5.x' })

export const LABELS: Readonly<Record<UpstreamName, string>> = {
  shopify_api: 'Shopify Admin API', bigquery: 'BigQuery', github_api: 'GitHub API', llm: 'Language model'
}

/** The registry with a breaker for each upstream, in the order of the readiness report. `callable`: those that there is something to call for. */
export const createBreakers = (
  config: Config, callable: (name: UpstreamName) => boolean, { clock, log }: { clock: Clock, log: Logger }
): BreakerRegistry => {
  const breakers = createBreakerRegistry({ clock, settings: config.circuitBreaker, log })
  for (const name of Object.keys(LABELS) as UpstreamName[]) {
    breakers.register(name, {
      label: LABELS[name],
      configured: callable(name),
      required: false,
      // A streamed answer holds its place for as long as it is written: all replies that may be written at a time have one, and the probe.
      ...(name === 'llm'
        ? {
            bulkhead: { concurrent: config.work.replyConcurrency + 1, queue: config.work.replyConcurrency },
            // Models that think before they write take their time, and are well.
            settings: { slowCallMs: 29_000 }
          }
        : {})
    })
  }
  return breakers
}

export const isConfigured = (config: Config, name: UpstreamName): boolean =>
  ({ shopify_api: config.shopify, bigquery: config.bigquery, github_api: config.github, llm: config.llm })[name].configured

/**
 * The code of an integration is loaded when there is something to call: each costs start-up time and memory. Settings with which an integration
 * cannot even be made do not stop the start: its upstream then says so to whoever probes it.
 */
export const createUpstreams = async (options: UpstreamsOptions): Promise<Upstreams & { close (): Promise<void> }> => {
  const { config, sandbox, breakers, clock, random, log } = options
  const upstreams: Upstreams = { list: [] }
  const closers: Array<() => Promise<void> | void> = []

  /** `make` gets the sandbox's address, or undefined for the live upstream, and where the answers come from. */
  const add = async (name: UpstreamName, make: (standIn: string | undefined, common: Common) => Promise<Made>): Promise<void> => {
    const standIn = sandbox?.addresses[name]
    if (standIn === undefined && !isConfigured(config, name)) return
    const source: Source = standIn === undefined ? 'live' : 'sandbox'
    try {
      const { upstream, ports, close } = await make(standIn, { source, breakers, clock, random, log })
      Object.assign(upstreams, ports)
      upstreams.list.push(upstream)
      closers.push(close)
    } catch (error) {
      log.error({ err: error, upstream: name }, 'an upstream cannot be called with these settings')
      upstreams.list.push(unusable(name, source, error))
    }
  }

  await add('shopify_api', async (standIn, common) => {
    const { createShopify } = await import('../src/integrations/shopify/index.ts')
    const { shop = '', accessToken, apiKey = '', apiSecret = '' } = config.shopify
    const stand = sandbox?.credentials.shopify_api
    const { commerce, upstream, close } = createShopify(standIn === undefined || stand === undefined
      ? { ...common, shop, credentials: accessToken === undefined ? { kind: 'client_credentials', id: apiKey, secret: apiSecret } : tokenOf(accessToken) }
      : { ...common, shop: stand.shop, credentials: tokenOf(stand.access_token), baseUrl: standIn })
    return { upstream, ports: { commerce }, close }
  })
  await add('bigquery', async (standIn, common) => {
    const { createBigquery } = await import('../src/integrations/bigquery/index.ts')
    const { projectId = '', dataset = '', table, credentialsFile, endpoint } = config.bigquery
    const stand = sandbox?.credentials.bigquery
    const { warehouse, upstream, close } = createBigquery(standIn === undefined || stand === undefined
      ? { ...common, projectId, dataset, table, credentialsFile, endpoint }
      : { ...common, projectId: stand.project_id, dataset: stand.dataset, table, endpoint: standIn })
    return { upstream, ports: { warehouse }, close }
  })
  await add('github_api', async (standIn, common) => {
    const { createGithub } = await import('../src/integrations/github/index.ts')
    const { token = '', repoOwner: owner, repoName: repo, apiUrl: baseUrl } = config.github
    const { repository, upstream, close } = createGithub(standIn === undefined || sandbox === undefined
      ? { ...common, token, owner, repo, baseUrl }
      : { ...common, ...sandbox.credentials.github_api, baseUrl: standIn })
    return { upstream, ports: repository === undefined ? {} : { repository }, close }
  })
  await add('llm', async (standIn, common) => {
    const { createLanguageModel } = await import('../src/integrations/llm/index.ts')
    const { apiKey, baseUrl, model: name, budgets, prices } = config.llm
    const stand = sandbox?.credentials.llm
    const { model, upstream, close } = createLanguageModel(standIn === undefined || stand === undefined
      ? { ...common, apiKey, baseUrl, model: name, budgets, prices }
      : { ...common, apiKey: stand.api_key, baseUrl: `${standIn}/v1`, model: stand.model, budgets, prices })
    return { upstream, ports: { model }, close }
  })
  return { ...upstreams, close: async () => { await Promise.all(closers.map((close) => close())) } }
}

const tokenOf = (token: string) => ({ kind: 'token' as const, token })

type Common = Pick<UpstreamsOptions, 'breakers' | 'clock' | 'random' | 'log'> & { source: Source }

interface Made {
  upstream: Upstream
  ports: Omit<Upstreams, 'list'>
  close: () => Promise<void> | void
}

const unusable = (name: UpstreamName, source: Source, cause: unknown): Upstream => ({
  name,
  source,
  host: LABELS[name],
  probe: () => Promise.reject(Object.assign(new Error(cause instanceof Error ? cause.message : String(cause), { cause }), { code: 'settings_not_usable' }))
})
