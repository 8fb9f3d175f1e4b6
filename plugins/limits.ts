// How much one caller, and all of them together, may ask of this process: requests a minute, open streams, jobs that wait, and what goes beyond its strength.
// Counts are this process's own. Probes and metrics are never refused. See docs/decisions/0015.
import type { FastifyPluginCallback, FastifyReply, FastifyRequest, FastifySchema, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import ipaddr from 'ipaddr.js'
import type { Clock } from '../src/core/clock.ts'
import { AppError } from '../src/core/errors.ts'
import { Pressure } from '../src/core/pressure.ts'
import { RateLimiter } from '../src/core/rate-limit.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** It makes jobs: refused when too many wait. */
    queues?: boolean
  }
  interface FastifyInstance {
    /** Counts a request whose credential was refused; answers the refusal when there were too many. */
    countRefused (request: FastifyRequest, reply: FastifyReply): AppError | undefined
    /** Nobody from there may try a credential now. */
    isSpent (request: FastifyRequest): boolean
  }
}

/** 0: no limit. */
export interface LimitsOptions {
  clock: Clock
  perKey: number
  perAddress: number
  streams: number
  queuedJobs: number
  loopDelayMs: number
  /** Jobs that wait, over all processes. */
  countQueued: () => Promise<number>
}

const NEVER_LIMITED: ReadonlySet<string> = new Set(['/healthz', '/health', '/readyz', '/metrics'])
const SAMPLE_MS = 100
const OVERLOADED_RETRY_MS = 1_000
const QUEUE_RETRY_MS = 5_000
const STREAMS_RETRY_MS = 5_000
/** How long a count of what waits is believed. */
const COUNTED_FOR_MS = 1_000

const plugin: FastifyPluginCallback<LimitsOptions> = (app, options, done) => {
  const { clock, streams, queuedJobs, loopDelayMs, countQueued } = options
  const keys = options.perKey > 0 ? new RateLimiter(options.perKey, clock) : undefined
  const addresses = options.perAddress > 0 ? new RateLimiter(options.perAddress, clock) : undefined
  const pressure = loopDelayMs > 0 ? new Pressure(loopDelayMs) : undefined
  const open = new Map<string, number>()

  const take = (limiter: RateLimiter, policy: string, name: string, reply: FastifyReply): AppError | undefined => {
    const { allowed, remaining, fullInMs, retryInMs } = limiter.take(name)
    reply.header('ratelimit-policy', `"${policy}";q=${limiter.quota};w=60`)
    reply.header('ratelimit', `"${policy}";r=${remaining};t=${Math.ceil(fullInMs / 1000)}`)
    return allowed ? undefined : new AppError('rate_limited', { retryAfterMs: retryInMs })
  }

  const fault = (request: FastifyRequest, reply: FastifyReply): AppError | undefined => {
    if (pressure?.isHigh === true) return new AppError('overloaded', { retryAfterMs: OVERLOADED_RETRY_MS })
    const { caller } = request
    const over = caller === null
      ? addresses && take(addresses, 'address', networkOf(request.ip), reply)
      : keys && take(keys, 'key', caller.id, reply)
    if (over !== undefined || streams === 0 || request.routeOptions.config.stream !== true) return over
    const name = caller?.id ?? networkOf(request.ip)
    const count = open.get(name) ?? 0
    if (count >= streams) return new AppError('too_many_streams', { retryAfterMs: STREAMS_RETRY_MS })
    open.set(name, count + 1)
    reply.raw.once('close', () => {
      const left = open.get(name)! - 1
      if (left === 0) open.delete(name)
      else open.set(name, left)
    })
    return undefined
  }

  const limit = (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void): void => { done(fault(request, reply)) }

  let counted: { at: number, queued: Promise<number> } | undefined
  const limitQueue = (_request: FastifyRequest, _reply: FastifyReply, done: (error?: Error) => void): void => {
    if (counted === undefined || clock.monotonic() - counted.at > COUNTED_FOR_MS) counted = { at: clock.monotonic(), queued: countQueued() }
    counted.queued.then((queued) => {
      done(queued < queuedJobs ? undefined : new AppError('too_much_queued', { retryAfterMs: QUEUE_RETRY_MS }))
    }, done)
  }

  app.decorate('countRefused', (request, reply) => addresses && take(addresses, 'address', networkOf(request.ip), reply))
  app.decorate('isSpent', (request) => addresses?.isSpent(networkOf(request.ip)) === true)

  // Behind the guard of the route, which says whose the request is.
  app.addHook('onRoute', (route: RouteOptions) => {
    if (route.method === 'OPTIONS' || NEVER_LIMITED.has(route.url)) return
    const hooks = [limit, ...queuedJobs > 0 && route.config?.queues === true ? [limitQueue] : []]
    route.onRequest = [...[route.onRequest ?? []].flat().filter((hook) => hook !== limit && hook !== limitQueue), ...hooks]
  })

  let timer: unknown
  const sample = (): void => {
    const due = clock.monotonic() + SAMPLE_MS
    timer = clock.setTimeout(() => {
      pressure?.note(clock.monotonic() - due)
      sample()
    }, SAMPLE_MS)
  }
  app.addHook('onReady', (done) => {
    if (pressure !== undefined) sample()
    done()
  })
  app.addHook('preClose', (done) => {
    clock.clearTimeout(timer)
    done()
  })
  done()
}

export default fp(plugin, { name: 'limits', fastify: '5.x', dependencies: ['errors', 'access'] })

/** For the API document. */
export const limited = (url: string, schema: FastifySchema): FastifySchema => NEVER_LIMITED.has(url)
  ? schema
  : { ...schema, response: { 429: TOO_MUCH, ...schema.response as object | undefined } }

const TOO_MUCH = { description: 'Too much for now: retry later, see Retry-After.', $ref: 'Error#' }

/** Whoever has one IPv6 address has 2^64 of them: they count as one. */
const networkOf = (address: string): string => {
  if (!address.includes(':') || !ipaddr.isValid(address)) return address
  const parsed = ipaddr.process(address)
  return parsed instanceof ipaddr.IPv6 ? parsed.parts.slice(0, 4).join(':') : parsed.toString()
}
