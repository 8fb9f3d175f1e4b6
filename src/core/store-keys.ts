// What the store keeps of keys: never the key itself.
import type { AccessRole, Area } from './access.ts'

/** Times are milliseconds since the epoch. */
export interface StoredKey {
  id: string
  name: string
  /** The first characters of the key, to tell it by. */
  prefix: string
  /** SHA-256 of the whole key, in hexadecimal digits. */
  hash: string
  role: AccessRole
  /** Null: everything that the role may do. */
  scopes: Area[] | null
  created_by: string
  created_at: number
  expires_at: number | null
  revoked_at: number | null
  revoked_by: string | null
  /** At most a minute old while it is used. */
  last_used_at: number | null
}

export interface KeyStore {
  /** Enters it into the audit as well. `first`: only when there is no key at all, revoked or not; false: there was one. */
  addKey (args: { key: StoredKey, request_id: string | null, first?: boolean }): Promise<boolean>
  /** The key as it is now, revoked by this or before; undefined: there is none. */
  revokeKey (args: { id: string, audit_id: string, actor: string, request_id: string | null, now: number }): Promise<StoredKey | undefined>
  /** Notes that it is used, unless somebody has noted a later time. */
  touchKey (args: { id: string, now: number }): Promise<void>
  keyByHash (hash: string): Promise<StoredKey | undefined>
  /** Newest first. */
  listKeys (): Promise<StoredKey[]>
}
