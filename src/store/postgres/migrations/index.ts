// All migrations of PostgreSQL, in order. Names are never changed once released. Expand first, contract in a later release: see CONTRIBUTING.md.
import type { Migration } from 'kysely/migration'
import * as baseline from './0007-baseline.ts'

export const migrations: Record<string, Migration> = {
  '0007-baseline': baseline
}
