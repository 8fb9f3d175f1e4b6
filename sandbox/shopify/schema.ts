// Shopify's schema with our answers in it: the extract that the project keeps, executed by graphql-js.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  buildSchema, getNamedType, GraphQLError, isAbstractType, isObjectType, isScalarType, Kind,
  type GraphQLFieldResolver, type GraphQLObjectType, type GraphQLScalarType, type GraphQLSchema, type ValueNode
} from 'graphql'
import { accessDenied, isGranted, type Context } from './context.ts'
import { MUTATIONS, USER_ERROR } from './mutations.ts'
import { CONNECTION, EDGE, QUERIES, type Resolver } from './queries.ts'

const FOLDER = join(import.meta.dirname, '..', '..', 'src', 'integrations', 'shopify', 'schema')
export const API_VERSION = '2026-10'

/** Types whose records say by `kind` under which name they are known elsewhere. */
const UNION_NAMES: Record<string, string> = { DiscountCodeNode: 'DiscountCodeBasic' }

/** `unanswered`: fields of the schema that the sandbox knows nothing about. A query for one of them ends in an error that says so. */
export const createSchema = (): { schema: GraphQLSchema, unanswered: string[] } => {
  const schema = buildSchema(readFileSync(join(FOLDER, `admin-${API_VERSION}.graphql`), 'utf8'))
  const access = JSON.parse(readFileSync(join(FOLDER, `access-${API_VERSION}.json`), 'utf8')) as Record<string, string[]>
  const missing: string[] = []
  for (const type of Object.values(schema.getTypeMap())) {
    if (type.name.startsWith('__')) continue
    if (isScalarType(type)) teachScalar(type)
    if (isAbstractType(type)) {
      type.resolveType = (record: { kind?: string, name?: string }) => nameOf(type.name, record)
    }
    if (isObjectType(type)) attach(type, access, missing)
  }
  return { schema, unanswered: missing }
}

const nameOf = (abstract: string, record: { kind?: string }): string => {
  // The shop itself and bulk operations are the only nodes that are no records.
  const kind = record.kind ?? ('domain' in record ? 'Shop' : 'BulkOperation')
  return abstract === 'Node' ? kind : UNION_NAMES[kind] ?? kind
}

const answersOf = (type: GraphQLObjectType): Record<string, Resolver<unknown>> => {
  const own = (QUERIES[type.name] ?? MUTATIONS[type.name]) as Record<string, Resolver<unknown>> | undefined
  if (own !== undefined) return own
  if (type.name.endsWith('Connection')) return CONNECTION as Record<string, Resolver<unknown>>
  if (type.name.endsWith('Edge')) return EDGE as Record<string, Resolver<unknown>>
  return type.name.endsWith('UserError') ? USER_ERROR as Record<string, Resolver<unknown>> : {}
}

const attach = (type: GraphQLObjectType, access: Record<string, string[]>, missing: string[]): void => {
  const answers = answersOf(type)
  for (const field of Object.values(type.getFields())) {
    const answer = answers[field.name]
    if (answer === undefined) {
      missing.push(`${type.name}.${field.name}`)
      field.resolve = () => { throw new Error(`the sandbox has no answer for ${type.name}.${field.name}`) }
      continue
    }
    const result = getNamedType(field.type).name
    // A list is as secret as what is in it; what is taken out of the envelope of a connection was checked before.
    const inner = type.name.endsWith('Connection') || type.name.endsWith('Edge') ? [] : [access[result.replace(/Connection$/, '')]]
    const needs = [access[`${type.name}.${field.name}`], ...inner].filter((scopes) => scopes !== undefined)
    const resolve: GraphQLFieldResolver<unknown, Context> = (source, args, context, info) => {
      for (const scopes of needs) {
        if (!isGranted(context.scopes, scopes)) throw accessDenied(field.name, scopes)
      }
      const value = answer(source, args, context, info)
      if (result === 'Node' && field.name !== 'node') checkNodes(value, access, context, field.name)
      return value
    }
    field.resolve = resolve as GraphQLFieldResolver<unknown, unknown>
  }
}

/** What is asked for by its id alone needs the scope of what it turns out to be. */
const checkNodes = (value: unknown, access: Record<string, string[]>, context: Context, name: string): void => {
  for (const record of [value].flat() as Array<{ kind?: string } | null>) {
    const scopes = record === null ? undefined : access[nameOf('Node', record)]
    if (scopes !== undefined && !isGranted(context.scopes, scopes)) throw accessDenied(name, scopes)
  }
}

const teachScalar = (scalar: GraphQLScalarType): void => {
  const check = CHECKS[scalar.name]
  if (scalar.name === 'DateTime') scalar.coerceOutputValue = (time) => new Date(time as number).toISOString().replace('.000Z', 'Z')
  if (check === undefined) return
  scalar.coerceInputValue = check
  scalar.coerceInputLiteral = (node: ValueNode) => {
    if (node.kind === Kind.STRING || node.kind === Kind.INT || node.kind === Kind.FLOAT) return check(node.value)
    throw new GraphQLError(`${scalar.name} cannot be a ${node.kind}`)
  }
}

const valid = (name: string, isValid: (text: string) => boolean) => (value: unknown): string => {
  if ((typeof value !== 'string' && typeof value !== 'number') || !isValid(String(value))) {
    throw new GraphQLError(`invalid ${name} '${String(value)}'`)
  }
  return String(value)
}

const isDecimal = (text: string): boolean => /^-?\d+(\.\d+)?$/.test(text)

const CHECKS: Record<string, (value: unknown) => string> = {
  DateTime: valid('DateTime', (text) => !Number.isNaN(Date.parse(text))),
  Decimal: valid('Decimal', isDecimal),
  Money: valid('Money', isDecimal),
  UnsignedInt64: valid('UnsignedInt64', (text) => /^\d+$/.test(text)),
  URL: valid('URL', (text) => URL.canParse(text))
}
