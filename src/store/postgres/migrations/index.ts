// All migrations of PostgreSQL, in order. Names are never changed once released. Expand first, contract in a later release: see CONTRIBUTING.md.
import type { Migration } from 'kysely/migration'
import { migration as retention } from '../../migrations/0008-retention.ts'
import { migration as keys } from '../../migrations/0009-keys.ts'
import { migration as webhooks } from '../../migrations/0010-webhooks.ts'
import { migration as privacy } from '../../migrations/0011-privacy.ts'
import { onPostgres } from '../../migrations/portable.ts'
import { baseline } from './0007-baseline.ts'

export const migrations: Record<string, Migration> = {
  '0007-baseline': baseline,
  '0008-retention': onPostgres(retention),
  '0009-keys': onPostgres(keys),
  '0010-webhooks': onPostgres(webhooks),
  '0011-privacy': onPostgres(privacy)
}
