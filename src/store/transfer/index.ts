// Whole stores: copied to the other engine, backed up, restored. A store is named by its address: the path of a file or postgres://...
import { rm } from 'node:fs/promises'
import type { Store } from '../../core/store.ts'
import { copy, type CopyResult } from './copy.ts'
import { partOf, type Manifest } from './manifest.ts'
import { backupPostgres, restorePostgres } from './postgres-backup.ts'
import { openPostgresSide } from './postgres-side.ts'
import type { Side } from './side.ts'
import { copyPages, prepareFolder, sealSqlite } from './sqlite-backup.ts'
import { restoreSqlite } from './sqlite-restore.ts'
import { openSqliteSide } from './sqlite-side.ts'
import { verifyWith, type Restored } from './verify.ts'

/** The newest migration of each engine. */
const isPostgres = (address: string): boolean => /^postgres(ql)?:\/\//.test(address)

/** `open`: opens a store as a service would. */
export const transferOf = (latest: string, open: (options: { file: string } | { url: string }) => Promise<Store>) => {
  const verify = verifyWith((address) => open(isPostgres(address) ? { url: address } : { file: address }))
  return {
    /**
     * Neither store may be in use; the target must be empty, or hold what an interrupted run of the same copy left.
     * @throws TransferError, StoreLockedError
     */
    async copyStore ({ from, to, report }: { from: string, to: string, report: (sentence: string) => void }): Promise<CopyResult> {
      const source = await openSide(from, latest, { create: false })
      try {
        const target = await openSide(to, latest, { create: true })
        try {
          return await copy(source, target, latest, report)
        } finally {
          await target.close()
        }
      } finally {
        await source.close()
      }
    },

    /** SQLite must not be in use; PostgreSQL may be. `to` must not be there yet. @throws TransferError, StoreLockedError */
    async backupStore ({ from, to }: { from: string, to: string }): Promise<Manifest> {
      if (isPostgres(from)) return await backupPostgres(from, to, latest)
      await prepareFolder(to)
      const madeAt = new Date().toISOString()
      const side = openSqliteSide(from, latest, { create: false })
      try {
        await copyPages(side.database, partOf(to))
        return await sealSqlite(to, madeAt)
      } catch (error) {
        await rm(partOf(to), { force: true })
        throw error
      } finally {
        await side.close()
      }
    },

    /** No store may be there, unless it is to be kept under another name. @throws TransferError, StoreLockedError */
    async restoreStore ({ from, to, replace }: { from: string, to: string, replace: boolean }): Promise<Restored> {
      return isPostgres(to)
        ? await restorePostgres({ from, url: to, replace, latest, verify })
        : await restoreSqlite({ from, file: to, replace, verify })
    }
  }
}

const openSide = async (address: string, latest: string, options: { create: boolean }): Promise<Side> => isPostgres(address)
  ? await openPostgresSide(address, latest, 'sole')
  : openSqliteSide(address, latest, options)
