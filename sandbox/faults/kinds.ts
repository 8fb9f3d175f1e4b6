// The kinds of faults and their options, as they are posted to /_sandbox/faults or written in a script.
import { Type, type Static, type TObject, type TSchema } from '@sinclair/typebox'
import { faultOf } from '../../src/core/check.ts'
import { isObject } from '../http.ts'
import { UPSTREAMS, type UpstreamName } from '../upstreams.ts'

const Milliseconds = Type.Integer({ minimum: 0, maximum: 3_600_000 })

const Common = {
  upstream: Type.Union(UPSTREAMS.map((name) => Type.Literal(name))),
  /** Begins after this time, default at once. */
  after_ms: Type.Optional(Milliseconds),
  /** Ends by itself after this time. */
  for_ms: Type.Optional(Milliseconds),
  /** Ends by itself after so many requests. */
  count: Type.Optional(Type.Integer({ minimum: 1 })),
  /** Hits a request with this probability, by a source of chance with the sandbox's seed. Default 1. */
  probability: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
  /** Hits only requests whose path contains this. */
  path: Type.Optional(Type.String({ minLength: 1 })),
  /** Hits only requests with this method. */
  method: Type.Optional(Type.Union([Type.Literal('GET'), Type.Literal('POST'), Type.Literal('PATCH')])),
  /** The request takes effect before its answer is spoilt: whether it did is what the caller cannot know. */
  after_effect: Type.Optional(Type.Boolean())
}

const kind = <K extends string, P extends Record<string, TSchema>>(name: K, options: P) =>
  Type.Object({ ...Common, kind: Type.Literal(name), ...options }, { additionalProperties: false })

const WAITS = ['seconds', 'date', 'garbage', 'none'] as const

const SCHEMAS = {
  /** Answers as usual, `ms` later. */
  latency: kind('latency', { ms: Milliseconds }),
  /** 429 (or 403, as GitHub does) with a Retry-After of `seconds`, written as seconds, as a date, as garbage, or not at all. */
  too_many_requests: kind('too_many_requests', {
    status: Type.Optional(Type.Union([Type.Literal(429), Type.Literal(403)])),
    retry_after: Type.Optional(Type.Union(WAITS.map((word) => Type.Literal(word)))),
    seconds: Type.Optional(Type.Integer({ minimum: 0, maximum: 86_400 }))
  }),
  /** Shopify's THROTTLED in a 200: the bucket lacks points for `wait_ms`. */
  throttled: kind('throttled', { wait_ms: Type.Optional(Milliseconds) }),
  /** A refusal in the upstream's own error format, default 500. */
  status: kind('status', { status: Type.Optional(Type.Integer({ minimum: 400, maximum: 599 })) }),
  /** The connection ends with RST. */
  reset: kind('reset', {}),
  /** Accepts and never says a byte. */
  silent: kind('silent', {}),
  /** 200 with JSON that breaks off, with bytes that are no text, or with a page of HTML. */
  garbage: kind('garbage', { form: Type.Optional(Type.Union([Type.Literal('json'), Type.Literal('bytes'), Type.Literal('html')])) }),
  /** The usual answer, cut off: after half of its announced length, or in the middle of its chunks after `after_bytes`. */
  truncated: kind('truncated', {
    form: Type.Optional(Type.Union([Type.Literal('length'), Type.Literal('chunked')])),
    after_bytes: Type.Optional(Type.Integer({ minimum: 0 }))
  }),
  /** The usual answer, one byte each `ms`. */
  drip: kind('drip', { ms: Type.Optional(Milliseconds) }),
  /** 200 with a body of `megabytes` (10^6 bytes), made while it is read. */
  flood: kind('flood', { megabytes: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000 })) }),
  /** 302 to another host. */
  redirect: kind('redirect', { to: Type.Optional(Type.String({ pattern: '^https?://' })) })
} as const

export type FaultKind = keyof typeof SCHEMAS
export type Fault = { [K in FaultKind]: Static<typeof SCHEMAS[K]> }[FaultKind]
export type FaultOf<K extends FaultKind> = Extract<Fault, { kind: K }>

const FAULT_KINDS = Object.keys(SCHEMAS) as FaultKind[]

/** @throws Error that says what is wrong with it. */
export const parseFault = async (value: unknown): Promise<Fault> => {
  if (!isObject(value)) throw new Error('a fault is a JSON object with upstream and kind')
  const schema = (SCHEMAS as Record<string, TObject>)[String(value['kind'])]
  if (schema === undefined) throw new Error(`kind is one of ${FAULT_KINDS.join(', ')}`)
  if (!UPSTREAMS.includes(value['upstream'] as UpstreamName)) throw new Error(`upstream is one of ${UPSTREAMS.join(', ')}`)
  const fault = await faultOf(schema, value)
  if (fault !== undefined) throw new Error(fault)
  if (value['kind'] === 'throttled' && value['upstream'] !== 'shopify_api') throw new Error('only shopify_api throttles in a 200: use too_many_requests')
  return value as Fault
}
