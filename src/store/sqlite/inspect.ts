// Looks at the place of a store file without opening it: opening would bring its schema up to date.
import { randomUUID } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, openSync, unlinkSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import type { StoreReport } from '../../core/doctor-report.ts'
import { errorText } from '../../core/errors.ts'
import { lockStore, StoreLockedError } from './lock.ts'

/** `file` may be `:memory:`. Leaves nothing behind. */
export const inspectSqliteFile = (file: string): StoreReport => {
  const about = { engine: 'sqlite', path: file }
  if (file === ':memory:') return { ...about, writable: null, message: 'kept in memory' }
  try {
    const exists = existsSync(file)
    if (exists) lockStore(file)()
    const ms = writeBeside(exists ? dirname(file) : nearestFolder(file))
    return { ...about, writable: true, message: exists ? `a write beside it took ${ms.toFixed(1)} ms` : 'it is not there yet; the first start makes it' }
  } catch (error) {
    if (error instanceof StoreLockedError) {
      return { ...about, writable: null, message: 'not tried: another process is using it, such as the running service; GET /doctor asks that one' }
    }
    return { ...about, writable: false, message: `${errorText(error)}. Is DATA_DIR there, writable, and not full?` }
  }
}

/** A real write: rights alone do not tell a full disk from one with space. */
const writeBeside = (folder: string): number => {
  const path = `${folder}/.${randomUUID()}.doctor`
  const startedAt = performance.now()
  const fd = openSync(path, 'wx')
  try {
    writeSync(fd, Buffer.alloc(4096))
    fsyncSync(fd)
  } finally {
    closeSync(fd)
    unlinkSync(path)
  }
  return performance.now() - startedAt
}

/** The start makes the folders that are missing. */
const nearestFolder = (path: string): string => {
  const folder = dirname(path)
  return existsSync(folder) || folder === dirname(folder) ? folder : nearestFolder(folder)
}
