// One process owns a store file. The lock is a transaction on a file beside it: the kernel lets go of it when the process dies, however it dies.
import { DatabaseSync } from 'node:sqlite'
import { isBusy } from './faults.ts'

const WAIT_MS = 300

/** The store file is held by another process. */
export class StoreLockedError extends Error {
  constructor (file: string) {
    super(`Another process is using the store ${file}. One process owns the embedded store: stop the other one, ` +
      'or give this one a DATA_DIR of its own.')
    this.name = 'StoreLockedError'
  }
}

/** Answers how to let go. @throws StoreLockedError after 0.3 s when another process holds it. */
export const lockStore = (file: string): (() => void) => {
  const lock = new DatabaseSync(`${file}.lock`, { timeout: WAIT_MS })
  try {
    lock.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    lock.close()
    throw isBusy(error) ? new StoreLockedError(file) : error
  }
  return () => { lock.close() }
}
