// What settings are made of: kinds of values, and what each says about itself.
import { Type } from '@sinclair/typebox'
import type { FormatName } from './formats.ts'

export const PROFILES = ['development', 'testing', 'production'] as const
type Profile = typeof PROFILES[number]

type Group =
  'Process' | 'HTTP' | 'Access' | 'Limits' | 'Store' | 'Logs' | 'Background work' | 'Streams' | 'Shutdown' | 'Circuit breakers' | 'Sandbox' |
  'Shopify' | 'Language model' | 'BigQuery' | 'GitHub' | 'Webhooks' | 'Other'

/** What a setting says about itself beside its JSON Schema. */
interface Notes<T = never> {
  group: Group
  description: string
  default?: T
  /** Defaults of single profiles, before `default`. */
  byProfile?: { readonly [P in Profile]?: T }
  unit?: string
  /** Further names of the same thing. The setting's own name wins, then the order of this list. */
  aliases?: readonly string[]
  /** The value is a credential or may hold one: never logged, never shown. */
  secret?: boolean
  /** Ends the sentence "NAME must be ...", where the schema does not say it by itself. */
  allowed?: string
  /** Other words for the values of a choice. */
  synonyms?: Readonly<Record<string, string>>
  /** Accepted so that deployments of the previous service start, but read by nothing: what happens instead. Warned about when set. */
  unused?: string
}

/** One setting as the parser and the generators see it. */
export interface Setting extends Notes<unknown> {
  type: 'string' | 'integer' | 'number' | 'boolean' | 'array'
  enum?: readonly string[]
  format?: FormatName | 'uri'
  items?: { format: FormatName }
  minimum?: number
  maximum?: number
}

/** The words of Setting that are no JSON Schema: Ajv has to be told to leave them alone. */
export const ANNOTATIONS = ['group', 'byProfile', 'unit', 'aliases', 'secret', 'allowed', 'synonyms', 'unused'] satisfies Array<keyof Notes>

export const integer = (minimum: number, maximum: number, notes: Notes<number>) => Type.Integer({ minimum, maximum, ...notes })
export const amount = (minimum: number, maximum: number, notes: Notes<number>) => Type.Optional(Type.Number({ minimum, maximum, ...notes }))
export const flag = (notes: Notes<boolean>) => Type.Boolean(notes)
export const choice = <T extends string>(values: readonly T[], notes: Notes<T>) => Type.Unsafe<T>({ type: 'string', enum: values, ...notes })
export const list = (format: FormatName, notes: Notes) => Type.Array(Type.String({ format }), { default: [], ...notes })
const ONE_LINE = { pattern: '^[^\\u0000-\\u001f\\u007f]+$', allowed: 'one line of text' }
export const text = (notes: Notes<string>, format?: FormatName) => Type.String({ ...format === undefined ? ONE_LINE : { format }, ...notes })
export const httpUrl = (notes: Notes) =>
  Type.Optional(Type.String({ format: 'uri', pattern: '^https?://[^/?#]', allowed: 'an absolute http or https URL', ...notes }))
// The content of the file in the place of its path would be shown wherever a path is: in errors, by the doctor.
export const filePath = (notes: Notes) => Type.Optional(Type.String({
  pattern: '^[^\\u0000-\\u001f\\u007f{][^\\u0000-\\u001f\\u007f]*$', maxLength: 1024, allowed: 'the path of a file, not what stands in it', ...notes
}))
export const identifier = (notes: Notes) =>
  Type.Optional(Type.String({ pattern: '^[\\w.:-]+$', allowed: 'letters, digits, ".", "_", ":" and "-"', ...notes }))

export const days = (number: number, what: string) =>
  integer(0, 36_500, { group: 'Store', description: `How long ${what}. 0: for ever.`, default: number, unit: 'days' })
export const most = (number: number, what: string, how: string) => integer(0, 1_000_000_000, {
  group: 'Store', description: `How many ${what} there may be. ${how}. 0: as many as come.`, default: number
})
