// Checks values against TypeBox schemas. The compiler is loaded with the first check: it costs start-up time that probes would wait for.
import { FormatRegistry, type TSchema } from '@sinclair/typebox'
import { isId } from './ids.ts'

type Check = (value: unknown) => string | undefined

const ISO_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/

// TypeBox knows no formats by itself, and takes a value of an unknown one for wrong.
FormatRegistry.Set('date-time', (text) => ISO_TIME.test(text) && !Number.isNaN(Date.parse(text)))
FormatRegistry.Set('date', (text) => /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text)))
FormatRegistry.Set('uuid', isId)

const compiled = new WeakMap<TSchema, Check>()

/** The first fault as `path: what is wrong`, or undefined when the value fits. */
export const faultOf = async (schema: TSchema, value: unknown): Promise<string | undefined> => {
  let check = compiled.get(schema)
  if (check === undefined) {
    const { TypeCompiler } = await import('@sinclair/typebox/compiler')
    const checker = TypeCompiler.Compile(schema)
    check = (candidate) => {
      if (checker.Check(candidate)) return undefined
      const fault = checker.Errors(candidate).First()
      return fault === undefined ? 'does not fit the schema' : `${fault.path === '' ? 'value' : fault.path.slice(1).replaceAll('/', '.')}: ${fault.message}`
    }
    compiled.set(schema, check)
  }
  return check(value)
}
