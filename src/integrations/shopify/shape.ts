// Compares an answer with the shape that the schema promises for an operation, so that nothing is believed that is not there.
import { isDecimal } from '../../core/money.ts'

/**
 * A scalar by its name; `['?', shape]` may be null; `['*', shape]` is a list; an object has its fields, and under `...Type` those that it has when its
 * `__typename` is Type.
 */
export type Shape = string | ['?' | '*', Shape] | { [field: string]: Shape }

/** Points: `fixed` + `perItem` x the number of ids, or x the weight of the page when it is `paged`. */
export interface CostEstimate {
  fixed: number
  perItem: number
  paged?: true
}

/** What is known of an operation before it was ever sent. */
export interface OperationFacts {
  shape: Shape
  cost: CostEstimate
}

/** The first fault as `path: what is wrong`, or undefined when the value fits. Fields that nobody asked for are ignored. */
export const faultOfShape = (shape: Shape, value: unknown, path = 'data'): string | undefined => {
  if (typeof shape === 'string') return isScalar(shape, value) ? undefined : `${path}: is not ${shape}`
  if (Array.isArray(shape)) {
    const [mark, inner] = shape
    if (mark === '?') return value === null ? undefined : faultOfShape(inner, value, path)
    if (!Array.isArray(value)) return `${path}: is not a list`
    for (const [index, item] of value.entries()) {
      const fault = faultOfShape(inner, item, `${path}.${index}`)
      if (fault !== undefined) return fault
    }
    return undefined
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return `${path}: is not an object`
  const record = value as Record<string, unknown>
  for (const [field, inner] of Object.entries(shape)) {
    const fault = field.startsWith('...')
      ? record.__typename === field.slice(3) ? faultOfShape(inner, value, path) : undefined
      : faultOfShape(inner, record[field], `${path}.${field}`)
    if (fault !== undefined) return fault
  }
  return undefined
}

const isScalar = (name: string, value: unknown): boolean => {
  switch (name) {
    case 'Int': return Number.isSafeInteger(value)
    case 'Float': return typeof value === 'number' && Number.isFinite(value)
    case 'Boolean': return typeof value === 'boolean'
    case 'Decimal':
    case 'Money': return typeof value === 'string' && isDecimal(value)
    case 'DateTime': return typeof value === 'string' && !Number.isNaN(Date.parse(value))
    case 'UnsignedInt64': return typeof value === 'string' && /^\d{1,20}$/.test(value)
    case 'JSON': return value !== undefined
    default: return typeof value === 'string'
  }
}
