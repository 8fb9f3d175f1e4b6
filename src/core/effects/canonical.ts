// One text for one value, whatever the order of its keys: what hashes are taken of.
import { createHash } from 'node:crypto'

/** JSON with sorted keys and without undefined members. @throws TypeError for what JSON cannot say: NaN, infinity, BigInt, functions. */
export const canonicalJson = (value: unknown): string => {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return JSON.stringify(value)
  if (typeof value === 'number' && Number.isFinite(value)) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (typeof value !== 'object') throw new TypeError(`${typeof value === 'number' ? String(value) : typeof value} has no canonical form.`)
  const members = Object.entries(value).filter(([, member]) => member !== undefined).sort(([a], [b]) => a < b ? -1 : 1)
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`).join(',')}}`
}

/** Lower-case hex, 64 characters. */
export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

/** What an approval is bound to: who wants what, in which words does not matter. */
export const planHash = ({ agent, class: effectClass, key, items }: { agent: string, class: string, key: string, items: unknown[] }): string =>
  sha256(canonicalJson({ agent, class: effectClass, key, items }))

/** What the first entry of the ledger's log follows from. */
export const GENESIS = '0'.repeat(64)
