// Holds the app's answers against its own API document: the status must be declared, the body must fit the schema.
import { Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import AjvCompiler from '@fastify/ajv-compiler'
import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { listen } from './app.ts'

export interface Operation {
  operationId?: string
  summary?: string
  tags?: string[]
  parameters?: Array<{ name: string, in: string, required?: boolean }>
  requestBody?: { content: Record<string, { schema: object }> }
  responses: Record<string, { description?: string, content?: Record<string, { schema: object }> }>
}

export interface ApiDocument {
  openapi: string
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, object> }
}

export interface Question {
  method?: string
  /** Path and query. */
  url: string
  headers?: Record<string, string>
  payload?: string | Buffer
}

export interface Answer {
  url: string
  statusCode: number
  headers: IncomingHttpHeaders
  body: string
  /** The parsed body; undefined when it is not JSON. */
  data: any
}

export interface Asker {
  origin: string
  document: ApiDocument
  /** Sends no header that is not given, but Host and Content-Length. */
  ask (t: Test, question: Question): Promise<Answer>
  /** Operations of which no declared success was seen. */
  unseen (): string[]
}

export const asker = async (app: FastifyInstance): Promise<Asker> => {
  const origin = await listen(app)
  const { data: document } = await send(origin, { url: '/docs/json' }) as { data: ApiDocument }
  const operations = Object.entries(document.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => {
    const pattern = new RegExp(`^${path.replace(/[.]/g, '\\.').replace(/\{\w+\}/g, '[^/]+')}$`)
    return { method: method.toUpperCase(), path, pattern, operation, fixed: !path.includes('{') }
  })).sort((a, b) => Number(b.fixed) - Number(a.fixed))
  const seen = new Set<string>()
  const check = schemaChecker(document)

  return {
    origin,
    document,
    async ask (t, question) {
      const answer = await send(origin, question)
      const path = question.url.split('?')[0]!.replace(/^\/api(?=\/|$)/, '') || '/'
      const method = question.method ?? 'GET'
      const known = operations.find((one) => one.pattern.test(path) &&
        (one.method === method || (method === 'HEAD' && one.method === 'GET')))
      if (known === undefined) return answer
      const name = `${known.method} ${known.path}`
      // These belong to the server and not to an operation.
      if ([405, 414].includes(answer.statusCode)) return answer
      const declared = known.operation.responses[answer.statusCode]
      t.ok(declared, `${name} declares ${answer.statusCode}`)
      if (answer.statusCode < 400) seen.add(name)
      const type = String(answer.headers['content-type'] ?? '').split(';')[0]!
      if (type === '' || method === 'HEAD') return answer
      const schema = declared?.content?.[type]?.schema
      t.ok(schema ?? (type === 'text/html' && answer.statusCode >= 400), `${name} ${answer.statusCode} declares ${type}`)
      if (schema !== undefined && answer.data !== undefined) {
        t.equal(check(schema, answer.data), '', `${name} ${answer.statusCode} fits the document`)
      }
      return answer
    },
    unseen: () => operations.map((one) => `${one.method} ${one.path}`).filter((name) => !seen.has(name))
  }
}

const agent = new Agent({ keepAlive: true })

/** One request on a real socket. */
export const send = (origin: string, { method = 'GET', url, headers = {}, payload }: Question): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const length = payload === undefined ? {} : { 'content-length': String(Buffer.byteLength(payload)) }
    const { hostname, port } = new URL(origin)
    // The path goes out as it is written: a URL would normalise it.
    const request = httpRequest({ hostname, port, path: url, method, headers: { ...length, ...headers }, agent }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => { chunks.push(chunk) })
      response.on('error', reject)
      response.on('end', () => {
        const body = Buffer.concat(chunks).toString()
        const isJson = String(response.headers['content-type']).startsWith('application/json') && body !== ''
        const data: unknown = isJson ? JSON.parse(body) : undefined
        resolve({ url, statusCode: response.statusCode!, headers: response.headers, body, data })
      })
    })
    request.on('error', reject)
    request.end(payload)
  })

/** Answers with Ajv's complaint, or ''. */
export const schemaChecker = (document: ApiDocument): ((schema: object, data: unknown) => string) => {
  const customOptions = { strict: false, coerceTypes: false, removeAdditional: false, useDefaults: false } as const
  type Validate = { (data: unknown): boolean, errors?: unknown }
  const compile = AjvCompiler()({}, { customOptions }) as unknown as (route: { schema: object }) => Validate
  const compiled = new Map<string, Validate>()
  return (schema, data) => {
    // Many answers share a schema without sharing the object.
    const key = JSON.stringify(schema)
    const validate = compiled.get(key) ?? compile({ schema: { allOf: [schema], components: document.components } })
    compiled.set(key, validate)
    return validate(data) ? '' : JSON.stringify(validate.errors)
  }
}
