// Named query parameters as BigQuery's REST API takes them: scalars, and arrays of structs for UNNEST.
import { isObject } from '../http.ts'
import type { Parameters, Relation } from './run.ts'
import { parseValue, QueryError, typeOf, type Typed, type Value } from './values.ts'

/** @throws QueryError `invalid`. */
export const readParameters = (list: unknown): Parameters => {
  const parameters: Parameters = { scalars: new Map(), relations: new Map() }
  if (list === undefined) return parameters
  if (!Array.isArray(list)) return bad('queryParameters is not a list')
  for (const entry of list) {
    if (!isObject(entry) || typeof entry['name'] !== 'string' || !isObject(entry['parameterType'])) {
      return bad('a query parameter has name, parameterType and parameterValue')
    }
    const { name, parameterType: type } = entry
    const value = isObject(entry['parameterValue']) ? entry['parameterValue'] : {}
    if (type['type'] === 'ARRAY') parameters.relations.set(name, readArray(name, type, value))
    else parameters.scalars.set(name, readScalar(type, value))
  }
  return parameters
}

const bad = (message: string): never => { throw new QueryError(message, 'invalid') }

const readScalar = (type: Record<string, unknown>, value: Record<string, unknown>): Typed => {
  const known = typeOf(type['type'])
  return { type: known, value: parseValue(known, textOf(value['value'])) }
}

const textOf = (value: unknown): string | null => {
  if (value === undefined || value === null) return null
  return typeof value === 'string' ? value : bad('the value of a parameter is text')
}

const readArray = (name: string, type: Record<string, unknown>, value: Record<string, unknown>): Relation => {
  const { arrayType } = type
  if (!isObject(arrayType) || arrayType['type'] !== 'STRUCT' || !Array.isArray(arrayType['structTypes'])) {
    return bad(`The sandbox takes arrays of structs only: ${name}`)
  }
  const columns = arrayType['structTypes'].map((field: unknown) => isObject(field) && isObject(field['type'])
    ? { name: String(field['name']), type: typeOf(field['type']['type']) }
    : bad(`a field of ${name} has name and type`))
  const values = Array.isArray(value['arrayValues']) ? value['arrayValues'] as unknown[] : []
  const rows = values.map((item): Value[] => {
    const fields = isObject(item) && isObject(item['structValues']) ? item['structValues'] : bad(`an element of ${name} has structValues`)
    return columns.map((column) => {
      const cell = fields[column.name]
      return parseValue(column.type, isObject(cell) ? textOf(cell['value']) : null)
    })
  })
  return { columns, rows }
}
