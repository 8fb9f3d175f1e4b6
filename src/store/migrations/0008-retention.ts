// Sessions that are gone while their messages and streams still go, in portions.
import type { Portable } from './portable.ts'

export const migration: Portable = {
  statements: ['CREATE TABLE session_remains (id text PRIMARY KEY) WITHOUT ROWID']
}
