// Webhooks: what was seen of the shop's things, why an event made no job, and who is told of what happens here.
import type { Portable } from './portable.ts'

export const migration: Portable = {
  statements: [
    'ALTER TABLE events ADD COLUMN ignored text',
    // The latest state of a thing that somebody was told of: each agent is a reader, and '' is the store itself.
    `CREATE TABLE changes_seen (
       resource text NOT NULL, reader text NOT NULL, changed_at integer NOT NULL, seen_at integer NOT NULL, PRIMARY KEY (resource, reader)) WITHOUT ROWID`,
    'CREATE INDEX changes_seen_age ON changes_seen (seen_at)',
    // Topics that ever came, since when, and up to when it was looked whether any did not.
    'CREATE TABLE webhook_topics (topic text PRIMARY KEY, first_at integer NOT NULL, checked_to integer NOT NULL) WITHOUT ROWID',
    // What the system does by itself from time to time: the first process that finds it due makes the job.
    'CREATE TABLE chores (name text PRIMARY KEY, next_at integer NOT NULL) WITHOUT ROWID',
    // The secrets are as they are: a signature needs them whole. No answer and no log line holds one, but that of the request that made it.
    `CREATE TABLE webhook_endpoints (
       id text PRIMARY KEY, url text NOT NULL, description text, events text NOT NULL, secret text NOT NULL, old_secret text, old_secret_until integer,
       status text NOT NULL, reason text, created_at integer NOT NULL, updated_at integer NOT NULL) WITHOUT ROWID`,
    `CREATE TABLE webhook_deliveries (
       id text PRIMARY KEY, endpoint_id text NOT NULL, message_id text NOT NULL, type text NOT NULL, body text NOT NULL, status text NOT NULL,
       attempts integer NOT NULL, last_status integer, last_error text, last_ms integer, job_id text NOT NULL, replay_of text, created_at integer NOT NULL,
       attempted_at integer, finished_at integer) WITHOUT ROWID`,
    'CREATE INDEX webhook_deliveries_of ON webhook_deliveries (endpoint_id, id)'
  ]
}
