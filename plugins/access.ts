// Who may come in: every route has an entry in the table of src/core/access.ts, and is guarded as it says. See docs/decisions/0014.
import type { ServerResponse } from 'node:http'
import type { FastifyPluginCallback, FastifyReply, FastifyRequest, FastifySchema, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import {
  ACCESS, accessOf, isAtLeast, lackOf, type AccessEntry, type AccessMode, type AccessRole, type Caller, type TokenVerifier
} from '../src/core/access.ts'
import type { Clock } from '../src/core/clock.ts'
import { AppError } from '../src/core/errors.ts'
import type { Keys } from '../src/core/keys.ts'
import { credentialOf, type Credential } from './credentials.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Who sends it; null where nobody is asked, and nobody said. */
    caller: Caller | null
  }
  interface FastifyInstance {
    keys: Keys
    accessMode: AccessMode
  }
}

export interface AccessOptions {
  mode: AccessMode
  metricsOpen: boolean
  keys: Keys
  clock: Clock
  /** Takes tokens beside keys. */
  verify?: TokenVerifier
  table?: Readonly<Record<string, AccessEntry>>
  /** All routes are here: an entry without one stops the start as well. */
  complete: boolean
}

/** How often the holders of open streams are looked at again. */
const LOOK_AGAIN_MS = 500

const plugin: FastifyPluginCallback<AccessOptions> = (app, { mode, metricsOpen, keys, clock, verify, table = ACCESS, complete }, done) => {
  const unused = new Set(Object.keys(table))
  app.decorateRequest('caller', null)
  app.decorate('keys', keys)
  app.decorate('accessMode', mode)

  const open = new OpenStreams(keys, clock)
  app.addHook('preClose', (done) => {
    open.stop()
    done()
  })

  const admit = (request: FastifyRequest, reply: FastifyReply, caller: Caller, hash: string | undefined): void => {
    const entry = entryOf(request, table)
    const lack = lackOf(caller, entry)
    if (lack !== undefined) throw new AppError('forbidden', { message: sentenceOf(lack) })
    request.caller = caller
    if (request.routeOptions.config.stream === true) open.add(reply.raw, caller, hash)
  }

  const identify = async ({ kind, text }: Credential): Promise<{ caller: Caller, hash?: string }> => {
    if (kind === 'key') return await keys.identify(text)
    if (verify === undefined) throw new AppError('credential_malformed')
    return { caller: await verify(text) }
  }

  const isFamiliar = ({ kind, text }: Credential): boolean => kind === 'key' && keys.isFamiliar(text)

  const guard = (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void): void => {
    const refuse = (error: Error): void => {
      // Whoever tries credentials has a quota, too.
      const over = error instanceof AppError && error.statusCode === 401 ? app.countRefused(request, reply) : undefined
      if (over !== undefined) {
        done(over)
        return
      }
      if (error instanceof AppError && (error.statusCode === 401 || error.code === 'forbidden')) reply.header('www-authenticate', challengeOf(error))
      done(error)
    }
    let unknown: Credential | undefined
    try {
      const credential = credentialOf(request)
      if (credential === undefined && mode === 'required') throw new AppError('credential_missing')
      const known = credential?.kind === 'key' ? keys.recall(credential.text) : 'ask'
      // Not even the store is asked for more of them; a key that was good a moment ago is not held up by its neighbours.
      if (known === 'ask' && credential !== undefined && !isFamiliar(credential) && app.isSpent(request)) throw new AppError('credential_invalid')
      if (known === 'ask') unknown = credential
      else admit(request, reply, known.caller, known.hash)
    } catch (error) {
      refuse(error as Error)
      return
    }
    if (unknown === undefined) done()
    else identify(unknown).then(({ caller, hash }) => { admit(request, reply, caller, hash) }).then(() => { done() }, refuse)
  }

  /** Of fields in the body that need more than the route. */
  const guardFields = (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void): void => {
    const { caller, body } = request
    if (caller !== null && typeof body === 'object' && body !== null) {
      for (const [field, role] of Object.entries(entryOf(request, table).fields ?? {})) {
        if (!Object.hasOwn(body, field) || isAtLeast(caller.role, role)) continue
        reply.header('www-authenticate', challengeOf({ code: 'forbidden' }))
        done(new AppError('forbidden', { message: `body.${field}: ${sentenceOf({ role })}` }))
        return
      }
    }
    done()
  }

  app.addHook('onRoute', (route: RouteOptions) => {
    for (const method of [route.method].flat()) {
      // A preflight carries no credential, and says nothing but what may be asked.
      if (method === 'OPTIONS') continue
      const entry = accessOf(method, route.url, table)
      if (entry === undefined) throw new Error(`${method} ${route.url} has no entry in the table of src/core/access.ts: say there what it needs.`)
      unused.delete(`${method} ${route.url}`)
      if (mode === 'off' || entry.need === 'open' || (metricsOpen && route.url === '/metrics')) continue
      route.onRequest = [...[route.onRequest ?? []].flat().filter((hook) => hook !== guard), guard]
      if (entry.fields !== undefined) route.preValidation = [guardFields, ...[route.preValidation ?? []].flat()]
    }
  })
  app.addHook('onReady', (done) => {
    const left = complete ? [...unused] : []
    done(left.length === 0 ? undefined : new Error(`Entries of the table of src/core/access.ts without a route: ${left.join(', ')}.`))
  })
  done()
}

export default fp(plugin, { name: 'access', fastify: '5.x', dependencies: ['errors'] })

const entryOf = ({ method, routeOptions }: FastifyRequest, table: Readonly<Record<string, AccessEntry>>): AccessEntry =>
  accessOf(method, routeOptions.url ?? '', table)!

const sentenceOf = (lack: { role: AccessRole } | { scope: string }): string =>
  'role' in lack ? `This needs the role ${lack.role}.` : `This needs the scope ${lack.scope}.`

const challengeOf = ({ code }: { code: string }): string => {
  switch (code) {
    case 'credential_missing': return 'Bearer'
    case 'credential_invalid': return 'Bearer error="invalid_token"'
    case 'forbidden': return 'Bearer error="insufficient_scope"'
    default: return 'Bearer error="invalid_request"'
  }
}

/** Streams stay open for hours: those of a credential that has expired or was revoked are cut. */
class OpenStreams {
  readonly #keys: Keys
  readonly #clock: Clock
  #timer: unknown
  #stopped = false
  readonly #streams = new Map<ServerResponse, { caller: Caller, hash: string | undefined }>()

  constructor (keys: Keys, clock: Clock) {
    this.#keys = keys
    this.#clock = clock
  }

  add (response: ServerResponse, caller: Caller, hash: string | undefined): void {
    this.#streams.set(response, { caller, hash })
    response.once('close', () => { this.#streams.delete(response) })
    this.#lookLater()
  }

  stop (): void {
    this.#stopped = true
    this.#clock.clearTimeout(this.#timer)
  }

  /** While there is something to look at. */
  #lookLater (): void {
    if (this.#stopped || this.#timer !== undefined || this.#streams.size === 0) return
    this.#timer = this.#clock.setTimeout(() => {
      this.#timer = undefined
      this.#look()
      this.#lookLater()
    }, LOOK_AGAIN_MS)
  }

  #look (): void {
    const looked = new Map<string, Promise<boolean>>()
    for (const [response, { caller, hash }] of this.#streams) {
      const holds = looked.get(caller.id) ?? this.#holds(caller, hash)
      looked.set(caller.id, holds)
      holds.then((still) => { if (!still) response.destroy() }, () => {})
    }
  }

  /** A store that cannot be asked decides nothing: whoever was let in stays until it can. */
  async #holds ({ expires_at: expires }: Caller, hash: string | undefined): Promise<boolean> {
    if (hash === undefined) return expires === null || expires > this.#clock.now()
    try {
      await this.#keys.again(hash)
      return true
    } catch (error) {
      return !(error instanceof AppError && error.code === 'credential_invalid')
    }
  }
}

/** For the API document: what a route needs, and how it refuses. */
export const secured = (method: string | string[], url: string, schema: FastifySchema): FastifySchema => {
  const entry = accessOf([method].flat()[0]!, url)
  if (entry === undefined || entry.need === 'open') return { ...schema, security: [] }
  const { description, response } = schema as { description?: string, response?: object }
  const fields = Object.entries(entry.fields ?? {}).map(([field, role]) => `; \`${field}\` the role \`${role}\``).join('')
  const scope = entry.area === null ? '' : `, scope \`${entry.area}\``
  const needs = `Needs the role \`${entry.need}\`${fields}${scope}.${entry.note === undefined ? '' : ` ${entry.note}`}`
  return {
    ...schema,
    description: description === undefined ? needs : `${description}\n\n${needs}`,
    response: {
      ...response,
      401: { description: 'There is no credential, or it does not hold.', $ref: 'Error#' },
      403: { description: 'The credential does not reach so far, or names another actor.', $ref: 'Error#' }
    }
  }
}

export const SECURITY_SCHEMES = {
  key: { type: 'http', scheme: 'bearer', description: 'A key `reo_…`, or a token of the configured issuer.' },
  header: { type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'A key `reo_…`.' }
} as const
