// Whether the ledger is what its log says: the chain of hashes, and each effect as it stands.
import type { Json } from '../model.ts'
import { canonicalJson, sha256 } from './canonical.ts'
import type { EffectStatus, LedgerEffect, LedgerEntry } from './store.ts'

/** What the log says of an effect: its last status, and hashes of what it was begun as and of how it ended. */
export interface LoggedEffect {
  status: EffectStatus
  begun: string
  ended: string
}

const NOT_ENDED = { after: null, result: null, error: null }

/** What the log says of an effect and of its end: personal data can be taken out of the effect, never out of the log. */
export const digestOf = (salt: string | null, part: object): string => sha256(`${salt ?? ''}${canonicalJson(part)}`)

/** As the log's first entry of an effect holds it. */
export const begunDigests = (salt: string | null, begun: object, error: Json): { begun: string, ended: string } =>
  ({ begun: digestOf(salt, begun), ended: digestOf(salt, { ...NOT_ENDED, error }) })

/** The log's first entry of an effect stands for the whole of it, its end for what came of it; the undoing of it adds nothing but its status. */
export const grown = (known: LoggedEffect | undefined, { type, body }: Pick<LedgerEntry, 'type' | 'body'>): LoggedEffect => {
  const { begun: begunDigest, ended: endDigest } = body as { begun?: string, ended?: string }
  if (typeof endDigest === 'string') {
    return known === undefined ? { status: type, begun: begunDigest ?? '', ended: endDigest } : { ...known, status: type, ended: endDigest }
  }
  // Entries of earlier versions hold what the later ones hold the digests of.
  if (known === undefined) {
    const { error = null, ...begun } = body as { error?: Json }
    return { status: type, begun: sha256(canonicalJson(begun)), ended: sha256(canonicalJson({ ...NOT_ENDED, error })) }
  }
  return { ...known, status: type, ...(type === 'reverted' ? {} : { ended: sha256(canonicalJson(body)) }) }
}

/** Undefined: nothing. */
export const faultOfEffect = (effect: LedgerEffect, logged: LoggedEffect | undefined): string | undefined => {
  const { status, after, result, error, reverted_by: _by, finished_at: _at, salt, redacted_at: redactedAt, ...begun } = effect
  if (logged === undefined || logged.status !== status) return `The effect says ${status}, the log says ${logged?.status ?? 'nothing'}.`
  if (redactedAt !== null) return undefined
  if (digestOf(salt, begun) !== logged.begun) return 'What the effect was begun as is not what the log says.'
  return digestOf(salt, { after, result, error }) === logged.ended ? undefined : 'How the effect ended is not what the log says.'
}

/** Undefined: nothing. */
export const faultOfEntry = ({ hash, prev_hash: prev, ...entry }: LedgerEntry, before: number, head: string): string | undefined => {
  if (entry.seq !== before + 1) return `Entry ${before + 1} is missing.`
  if (prev !== head) return 'It does not follow from the entry before it.'
  return sha256(`${prev}\n${canonicalJson(entry)}`) === hash ? undefined : 'It is not what its hash was taken of.'
}
