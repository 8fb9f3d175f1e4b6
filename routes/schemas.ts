// Schemas that several routes share: ids, times, pages, errors. They drive validation, serialisation and the API document.
import { Type, type TProperties, type TSchema } from '@sinclair/typebox'

export const Id = (description: string) => Type.String({ description, examples: ['019abc12-3456-7def-8123-456789abcdef'] })

export const Time = (description: string) => Type.String({ description, format: 'date-time', examples: ['2026-11-23T06:00:00.000Z'] })

export const OneOf = <const T extends readonly string[]>(values: T, options: object = {}) =>
  Type.Unsafe<T[number]>({ type: 'string', enum: [...values], ...options })

export const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])

export const AnyJson = (description: string) => Type.Unknown({ description })

export const PageQuery = (defaultLimit: number) => ({
  limit: Type.Integer({ minimum: 1, maximum: 1000, default: defaultLimit, description: 'How many at most.' }),
  cursor: Type.Optional(Type.String({ minLength: 1, maxLength: 200, description: 'The `next_cursor` of the page before.' }))
})

export const NextCursor = Nullable(Type.String({ description: 'Hand it back as `cursor`; null at the end.' }))

/** What a `Page` request of the query becomes for the core. */
export const pageOf = ({ limit, cursor }: { limit: number, cursor?: string }) => ({ limit, ...(cursor === undefined ? {} : { cursor }) })

export const ErrorSchema = Type.Object({
  error: Type.String({ description: 'The reason, in the words of the contract where it names them.', examples: ['Not Found'] }),
  status_code: Type.Integer({ examples: [404] }),
  message: Type.String({ description: 'A sentence for people.' }),
  path: Type.String({ examples: ['/agents/session'] }),
  request_id: Type.String({ description: 'Quote it when you ask about the error.', examples: ['5f0c1a2b-7'] }),
  code: Type.String({ description: 'Stable, for programs.', examples: ['not_found'] })
}, { $id: 'Error', description: 'The shape of every JSON error.' })

/** An answer whose form depends on `Accept`. It is serialised by the route itself. */
export const inTypes = (description: string, types: Record<string, TSchema>) =>
  Type.Unsafe<unknown>({ description, content: Object.fromEntries(Object.entries(types).map(([type, schema]) => [type, { schema }])) })

const REASONS: Record<number, string> = {
  400: 'The request is not valid.',
  401: 'The signature does not fit.',
  403: 'Not for this caller.',
  404: 'There is no such thing.',
  405: 'The path does not answer this method.',
  406: 'It is not there in this form.',
  409: 'It does not fit the state that things are in.',
  413: 'The body is larger than 1 MiB.',
  415: 'The body is not JSON.',
  429: 'Too much is waiting: retry later, see Retry-After.',
  500: 'Something failed on our side.',
  503: 'Not now: retry, see Retry-After.',
  507: 'The disk of the store is full: nothing was written.'
}

/** Answers of a route: its own, and the errors that it can give. 500 and 503 are always among them. */
export const answers = <const T extends TProperties | Record<number, TSchema>>(own: T, ...errors: number[]) => ({
  ...own,
  ...Object.fromEntries([...errors, 500, 503].map((status) => [status, { description: REASONS[status]!, ...Type.Ref('Error') }]))
}) as T
