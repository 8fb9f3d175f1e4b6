// API keys, and whose a session is.
import type { Portable } from './portable.ts'

export const migration: Portable = {
  statements: [
    `CREATE TABLE api_keys (
       id text PRIMARY KEY, name text NOT NULL, prefix text NOT NULL, hash text NOT NULL, role text NOT NULL, scopes text, created_by text NOT NULL,
       created_at integer NOT NULL, expires_at integer, revoked_at integer, revoked_by text, last_used_at integer)`,
    'CREATE UNIQUE INDEX api_keys_hash ON api_keys (hash)',
    // Null for those that were opened before callers had keys, or where none is needed.
    'ALTER TABLE sessions ADD COLUMN owner text',
    'CREATE INDEX sessions_owner ON sessions (owner, id) WHERE owner IS NOT NULL'
  ]
}
