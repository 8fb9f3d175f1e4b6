// Personal data: texts of people apart from what is never changed, and the requests of those whom the data is about.
import type { Portable } from './portable.ts'

export const migration: Portable = {
  statements: [
    // What append-only tables refer to as `text:<id>`: a text can be taken back, the entry that names it stands.
    'CREATE TABLE texts (id text PRIMARY KEY, body text NOT NULL) WITHOUT ROWID',
    // The log of effects holds digests under this salt. Without it nobody can tell what was in an effect that was redacted.
    'ALTER TABLE effects ADD COLUMN salt text',
    'ALTER TABLE effects ADD COLUMN redacted_at integer',
    // `person`: whom it is about, until it is done. `places`: what was found where.
    `CREATE TABLE privacy_requests (
       id text PRIMARY KEY, kind text NOT NULL, source text NOT NULL, customer_id text, person text, status text NOT NULL, job_id text NOT NULL,
       places text, received_at integer NOT NULL, finished_at integer, delivery text) WITHOUT ROWID`,
    'CREATE UNIQUE INDEX privacy_requests_delivery ON privacy_requests (delivery) WHERE delivery IS NOT NULL',
    'CREATE TABLE privacy_exports (request_id text NOT NULL, seq integer NOT NULL, body text NOT NULL, expires_at integer NOT NULL)',
    'CREATE UNIQUE INDEX privacy_exports_of ON privacy_exports (request_id, seq)'
  ]
}
