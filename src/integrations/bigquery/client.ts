// Speaks BigQuery's REST API version 2: credentials, schema-checked answers, and its refusals in the words of the port.
import type { Static, TSchema } from '@sinclair/typebox'
import { faultOfAnswer, refusal } from './errors.ts'
import type { Tokens } from './tokens.ts'
import type { Answer, Send } from './wire.ts'

/** Paths are below the project: `/datasets/shop`. Everything throws WarehouseError for a refusal. */
export interface BigqueryClient {
  /** `maxBytes`: of the answer, where it is known to be small. */
  get<S extends TSchema> (path: string, schema: S, signal: AbortSignal, maxBytes?: number): Promise<Static<S>>
  /** Undefined when it does not exist. */
  find<S extends TSchema> (path: string, schema: S, signal: AbortSignal): Promise<Static<S> | undefined>
  post<S extends TSchema> (path: string, body: object, schema: S, signal: AbortSignal): Promise<Static<S>>
  /** Undefined when something of this name exists. */
  create<S extends TSchema> (path: string, body: object, schema: S, signal: AbortSignal): Promise<Static<S> | undefined>
}

/** Rows come in pages of about 10 MB at most, and a job tells again what it was given. */
const MOST_BYTES = 10 * 2 ** 20

export const createBigqueryClient = (send: Send, projectId: string, tokens: Tokens): BigqueryClient => {
  const call = async (
    method: 'GET' | 'POST', path: string, body: object | undefined, schema: TSchema, signal: AbortSignal, maxBytes = MOST_BYTES
  ): Promise<Answer> => {
    const url = `/bigquery/v2/projects/${encodeURIComponent(projectId)}${path}`
    const request = { method, path: url, schema, maxBytes, signal, ...(body === undefined ? {} : { body }) }
    // The token is got before the call: while the breaker lets a single probe through, a call within a call would wait for itself.
    const token = await tokens.get(signal)
    const answer = await send({ ...request, token })
    if (answer.status !== 401 || !tokens.renewable) return answer
    // A token can be taken back before it ends: one more try with a new one, then it is the credentials.
    tokens.drop(token)
    return await send({ ...request, token: await tokens.get(signal) })
  }

  const accepted = ({ status, body }: Answer): unknown => {
    if (status < 200 || status > 299) throw refusal(status, faultOfAnswer(body))
    return body
  }

  return {
    async get (path, schema, signal, maxBytes) {
      return accepted(await call('GET', path, undefined, schema, signal, maxBytes)) as Static<typeof schema>
    },
    async find (path, schema, signal) {
      const answer = await call('GET', path, undefined, schema, signal)
      return answer.status === 404 ? undefined : accepted(answer) as Static<typeof schema>
    },
    async post (path, body, schema, signal) {
      return accepted(await call('POST', path, body, schema, signal)) as Static<typeof schema>
    },
    async create (path, body, schema, signal) {
      const answer = await call('POST', path, body, schema, signal)
      return answer.status === 409 ? undefined : accepted(answer) as Static<typeof schema>
    }
  }
}
