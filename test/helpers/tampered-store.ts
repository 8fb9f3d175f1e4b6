// A store in memory whose database a test can reach behind the back of its operations: what somebody with the file in hand could do.
import { DatabaseSync } from 'node:sqlite'
import type { Store } from '../../src/core/store.ts'
import { openStore } from '../../src/store/index.ts'

export interface TamperedStore {
  store: Store
  database: DatabaseSync
  /** Changes rows as they lie there. The triggers of what is append-only are still in force. */
  sql (text: string, ...params: Array<string | number | null>): number
}

export const openTampered = async (): Promise<TamperedStore> => {
  // The engine makes its connection itself: the first one that prepares anything now is it.
  const { prepare } = DatabaseSync.prototype
  let database: DatabaseSync | undefined
  DatabaseSync.prototype.prepare = function (this: DatabaseSync, ...args) {
    database ??= this
    return prepare.apply(this, args)
  }
  let store: Store
  try {
    store = await openStore({ file: ':memory:' })
  } finally {
    DatabaseSync.prototype.prepare = prepare
  }
  const found = database!
  return { store, database: found, sql: (text, ...params) => Number(found.prepare(text).run(...params).changes) }
}
