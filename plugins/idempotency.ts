// Idempotency-Key: a request that is sent again with its key is answered again, and done once. See docs/decisions/0013.
import { createHash } from 'node:crypto'
import type { FastifyPluginCallback, FastifyReply, FastifyRequest, FastifySchema, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import type { Clock } from '../src/core/clock.ts'
import { AppError } from '../src/core/errors.ts'
import { newId } from '../src/core/ids.ts'
import { workUnder } from '../src/core/keyed.ts'
import type { IdempotencyStore, StoredAnswer } from '../src/core/store-idempotency.ts'

declare module 'fastify' {
  interface FastifyRequest {
    keyed: KeyedRequest | null
  }

  interface FastifyContextConfig {
    /** Headers that belong to what is asked, beside the body. */
    keyedBy?: readonly string[]
    /** Keys mean nothing here: the answer holds what must not be kept. */
    unkeyed?: boolean
    /** Answers a request whose effect was made and whose answer was lost, where the route itself would not know its own work again. */
    answerAgain? (result: unknown, request: FastifyRequest, reply: FastifyReply): unknown
  }
}

export interface KeyedRequest {
  /** The caller's: a key of one is nothing to another. */
  scope: string
  key: string
  fingerprint: string
  /** Set while it is worked on. */
  token: string | undefined
  end: () => void
}

export interface IdempotencyOptions {
  store: IdempotencyStore
  /** The store has no other process. */
  sole: boolean
  clock: Clock
}

const KEYED_METHODS: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'DELETE'])

const LEASE_MS = 30_000
const KEPT_MS = 24 * 60 * 60 * 1000
const RETRY_MS = 1_000
const PRUNE_EVERY_MS = 60_000
const PRUNE_AGAIN_MS = 500
const PRUNED_AT_ONCE = 200

const plugin: FastifyPluginCallback<IdempotencyOptions> = (app, { store, sole, clock }, done) => {
  const owner = newId()
  app.decorateRequest('keyed', null)

  const claim = (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void): void => {
    const { keyed } = request
    // A body that the route will refuse is not worth a key.
    if (keyed === null || request.validationError !== undefined) {
      request.keyed = null
      done()
      return
    }
    const token = newId()
    const now = clock.now()
    const { scope, key, fingerprint } = keyed
    const claimed = store.claimKey({
      scope, key, token, fingerprint, owner, sole, now, lease_until: now + LEASE_MS, expires_at: now + KEPT_MS
    })
    claimed.then((result) => {
      if (result.outcome !== 'claimed') {
        request.keyed = null
        if (result.outcome === 'answered') sendAgain(reply, result.answer)
        else done(result.outcome === 'reused' ? new AppError('idempotency_key_reused') : new AppError('idempotency_in_progress', { retryAfterMs: RETRY_MS }))
        return
      }
      keyed.token = token
      const { answerAgain } = request.routeOptions.config
      const made = result.done
      if (made !== undefined && answerAgain !== undefined) {
        // A promise, so that what it throws is answered as the route's own errors are.
        Promise.resolve().then(() => answerAgain(made.result, request, reply)).then((answer) => { reply.send(answer) }, done)
        return
      }
      const work = workUnder(result.work)
      keyed.end = work.end
      work.run(done)
    }, (error: Error) => {
      request.keyed = null
      done(error)
    })
  }

  const keep = (request: FastifyRequest, reply: FastifyReply, payload: unknown, done: (error: null, payload: unknown) => void): void => {
    const { keyed } = request
    if (keyed !== null) {
      request.keyed = null
      if (keyed.token !== undefined) end(keyed, keyed.token, request, reply, payload)
    }
    done(null, payload)
  }

  /** Nobody waits for it: the effect is durable with its mark, and a retry comes behind it into the store. */
  const end = ({ scope, key, end }: KeyedRequest, token: string, request: FastifyRequest, reply: FastifyReply, payload: unknown): void => {
    end()
    const hold = { scope, key, token }
    const answer = answerOf(reply, payload)
    const kept = answer === undefined ? store.releaseKey(hold) : store.answerKey({ ...hold, answer })
    kept.catch((error: unknown) => { request.log.error({ err: error }, 'the answer to an idempotency key could not be stored') })
  }

  app.addHook('onRoute', (route: RouteOptions) => {
    if (!isKeyed(route)) return
    route.preValidation = [read, ...[route.preValidation ?? []].flat()]
    route.preHandler = [...[route.preHandler ?? []].flat(), claim]
    route.onSend = [...[route.onSend ?? []].flat(), keep]
  })

  let timer: unknown
  let closed = false
  const pruneLater = (ms: number): void => {
    if (closed) return
    timer = clock.setTimeout(() => {
      store.pruneKeys({ now: clock.now(), limit: PRUNED_AT_ONCE })
        .then((pruned) => { pruneLater(pruned === PRUNED_AT_ONCE ? PRUNE_AGAIN_MS : PRUNE_EVERY_MS) }, (error: unknown) => {
          app.log.error({ err: error }, 'expired idempotency keys could not be removed')
          pruneLater(PRUNE_EVERY_MS)
        })
    }, ms)
  }
  app.addHook('onReady', (done) => {
    pruneLater(PRUNE_EVERY_MS)
    done()
  })
  app.addHook('preClose', (done) => {
    closed = true
    clock.clearTimeout(timer)
    done()
  })
  done()
}

export default fp(plugin, { name: 'idempotency', fastify: '5.x', dependencies: ['errors', 'access'] })

const isKeyed = ({ method, config }: Pick<RouteOptions, 'method' | 'config'>): boolean =>
  config?.unkeyed !== true && [method].flat().some((one) => KEYED_METHODS.has(one))

/** Before the validation, which fills in defaults: those may change with a deploy. */
const read = (request: FastifyRequest, _reply: FastifyReply, done: (error?: Error) => void): void => {
  const value = request.headers['idempotency-key']
  if (value === undefined) {
    done()
    return
  }
  const key = typeof value === 'string' ? keyOf(value) : undefined
  if (key === undefined) {
    done(new AppError('invalid_idempotency_key'))
    return
  }
  request.keyed = { scope: request.caller?.id ?? '', key, fingerprint: fingerprintOf(request), token: undefined, end: () => {} }
  done()
}

const PLAIN = /^[\x21\x23-\x7e][\x21-\x7e]{0,254}$/
const QUOTED = /^"((?:[\x21\x23-\x5b\x5d-\x7e]|\\["\\])+)"$/

/** A string of structured fields, or the bare text that most clients send. */
const keyOf = (value: string): string | undefined => {
  if (PLAIN.test(value)) return value
  const key = QUOTED.exec(value)?.[1]?.replace(/\\(["\\])/g, '$1')
  return key === undefined || key.length > 255 ? undefined : key
}

const fingerprintOf = (request: FastifyRequest): string => {
  const hash = createHash('sha256').update(`${request.method}\n${request.url}\n`)
  for (const name of request.routeOptions.config.keyedBy ?? []) hash.update(`${name}: ${String(request.headers[name])}\n`)
  const { body } = request
  if (Buffer.isBuffer(body)) hash.update(body)
  else if (body !== undefined) hash.update(JSON.stringify(body, sorted))
  return hash.digest('base64url')
}

const sorted = (_key: string, value: unknown): unknown => value !== null && typeof value === 'object' && !Array.isArray(value)
  ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1))
  : value

/** What is kept; undefined: refusals and faults, which may go another way with the next try. */
const answerOf = (reply: FastifyReply, payload: unknown): StoredAnswer | undefined => {
  if (reply.statusCode >= 300) return undefined
  if (payload !== undefined && payload !== null && typeof payload !== 'string') return undefined
  return { status: reply.statusCode, body: payload ?? null, content_type: textOf(reply, 'content-type'), location: textOf(reply, 'location') }
}

const textOf = (reply: FastifyReply, name: string): string | null => {
  const value = reply.getHeader(name)
  return typeof value === 'string' ? value : null
}

const sendAgain = (reply: FastifyReply, { status, body, content_type: type, location }: StoredAnswer): void => {
  reply.code(status).header('idempotency-replayed', 'true')
  if (type !== null) reply.header('content-type', type)
  if (location !== null) reply.header('location', location)
  if (body === null) reply.send()
  else reply.serializer(String).send(body)
}

/** For the API document: the header and what it can lead to, in every route that takes it. */
export const documented = (route: Pick<RouteOptions, 'method' | 'config'>, schema: FastifySchema): FastifySchema => {
  if (!isKeyed(route)) return schema
  return {
    ...schema,
    headers: {
      type: 'object',
      properties: {
        'idempotency-key': {
          type: 'string',
          minLength: 1,
          description: 'Yours, new for each thing that you want done: 1 to 255 visible ASCII characters, quoted or plain. The same request with the ' +
            'same key within 24 hours is done once and answered again, with `idempotency-replayed: true`.',
          examples: ['"8e03978e-40d5-43e8-bc93-6894a57f9324"']
        }
      }
    },
    response: {
      400: { description: 'The request is not valid.', $ref: 'Error#' },
      409: { description: 'A request with the same Idempotency-Key is being worked on: retry, see Retry-After.', $ref: 'Error#' },
      422: { description: 'The Idempotency-Key was used for another request.', $ref: 'Error#' },
      ...schema.response as object | undefined
    }
  }
}
