// All migrations, in order. Names are never changed once released.
import type { Migration } from 'kysely/migration'
import * as spine from './0001-spine.ts'
import * as breakerHolds from './0002-breaker-holds.ts'
import * as leanWrites from './0003-lean-writes.ts'
import * as gates from './0004-gates.ts'
import * as shopHistory from './0005-shop-history.ts'
import * as idempotency from './0006-idempotency.ts'
import * as systemPosition from './0007-system-position.ts'
import { migration as retention } from './0008-retention.ts'
import { migration as keys } from './0009-keys.ts'
import { migration as webhooks } from './0010-webhooks.ts'
import { migration as privacy } from './0011-privacy.ts'
import { onSqlite } from './portable.ts'

export const migrations: Record<string, Migration> = {
  '0001-spine': spine,
  '0002-breaker-holds': breakerHolds,
  '0003-lean-writes': leanWrites,
  '0004-gates': gates,
  '0005-shop-history': shopHistory,
  '0006-idempotency': idempotency,
  '0007-system-position': systemPosition,
  '0008-retention': onSqlite(retention),
  '0009-keys': onSqlite(keys),
  '0010-webhooks': onSqlite(webhooks),
  '0011-privacy': onSqlite(privacy)
}
