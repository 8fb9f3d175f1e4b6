// How schemas become code: bodies are taken literally, query and path values are text and are converted.
// Compiling waits for the first use of a route: all of them at the start would double the time to the first answer.
import { createRequire } from 'node:module'
import type { FastifyServerOptions } from 'fastify'

type Controller = NonNullable<FastifyServerOptions['schemaController']>
type Factories = NonNullable<Controller['compilersFactory']>

const require = createRequire(import.meta.url)

const AJV = { allErrors: false, strict: false }
/** `"4"` is not 4 and null is not "": what is stored is what was sent. Unknown keys are ignored by the handlers. */
const LITERAL = { customOptions: { ...AJV, coerceTypes: false as const, removeAdditional: false as const, useDefaults: true } }
const CONVERTED = { customOptions: { ...AJV, coerceTypes: true, removeAdditional: false as const, useDefaults: true } }

const buildValidator = ((externalSchemas: unknown) => {
  const compilers = lazy(() => {
    const AjvCompiler = require('@fastify/ajv-compiler') as () => (schemas: unknown, options: unknown) => (route: unknown) => Validate
    return { literal: AjvCompiler()(externalSchemas, LITERAL), converted: AjvCompiler()(externalSchemas, CONVERTED) }
  })
  return (route: { httpPart?: string }) => {
    const compiled = lazy(() => (route.httpPart === 'body' ? compilers().literal : compilers().converted)(route))
    const validate: Validate = (data) => {
      const check = compiled()
      const valid = check(data)
      validate.errors = check.errors
      return valid
    }
    return validate
  }
}) as unknown as NonNullable<Factories['buildValidator']>

const buildSerializer = ((externalSchemas: unknown, options: unknown) => {
  const compiler = lazy(() => {
    const SerializerSelector = require('@fastify/fast-json-stringify-compiler') as () => (schemas: unknown, options: unknown) => (route: unknown) => Serialize
    return SerializerSelector()(externalSchemas, options)
  })
  return (route: unknown) => {
    const compiled = lazy(() => compiler()(route))
    return (data: unknown) => compiled()(data)
  }
}) as unknown as NonNullable<Factories['buildSerializer']>

export const schemaController: Controller = { compilersFactory: { buildValidator, buildSerializer } }

interface Validate {
  (data: unknown): unknown
  errors?: unknown
}

type Serialize = (data: unknown) => string

const lazy = <T>(make: () => T): () => T => {
  let made: { value: T } | undefined
  return () => (made ??= { value: make() }).value
}
