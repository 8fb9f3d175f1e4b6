// Checks values against TypeBox schemas. The compiler is loaded with the first check: it costs start-up time that probes would wait for.
import type { TSchema } from '@sinclair/typebox'

type Check = (value: unknown) => string | undefined

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
