// Keys of changes that must not happen twice: the same key with the same input gets the first answer again.
import { getDirectiveValues, GraphQLError, type GraphQLResolveInfo } from 'graphql'

const KEPT_MS = 24 * 3_600_000

interface Kept { field: string, input: string, payload: unknown, at: number }

export type Keys = Map<string, Kept>

/**
 * Runs `change` once for a key. What was refused with userErrors may be tried again under its key.
 * `mismatch` makes the payload for a known key with another input.
 * @throws GraphQLError when there is no key and the change needs one.
 */
export const once = <T extends { userErrors: unknown[] }>(
  keys: Keys, info: GraphQLResolveInfo, input: unknown, now: number, change: () => T, mismatch: () => T
): T => {
  const directive = info.schema.getDirective('idempotent')
  const node = info.fieldNodes[0]
  const values = directive == null || node === undefined ? undefined : getDirectiveValues(directive, node, info.variableValues)
  const key = values?.['key']
  if (typeof key !== 'string' || key === '') {
    throw new GraphQLError('The @idempotent directive is required for this mutation but was not provided.', { extensions: { code: 'BAD_REQUEST' } })
  }
  const text = JSON.stringify(input)
  const known = keys.get(key)
  if (known !== undefined && now - known.at < KEPT_MS) {
    return known.field === info.fieldName && known.input === text ? known.payload as T : mismatch()
  }
  const payload = change()
  if (payload.userErrors.length === 0) keys.set(key, { field: info.fieldName, input: text, payload, at: now })
  return payload
}
