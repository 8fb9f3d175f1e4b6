// Whole stores: copied to the other engine, backed up, restored. A store is named by its address: the path of a file or postgres://...
import { copy, type CopyResult } from './copy.ts'
import { openPostgresSide } from './postgres-side.ts'
import type { Side } from './side.ts'
import { openSqliteSide } from './sqlite-side.ts'

/** The newest migration of each engine. */
export interface Latest { sqlite: string, postgres: string }

export const isPostgres = (address: string): boolean => /^postgres(ql)?:\/\//.test(address)

export const transferOf = (latest: Latest) => ({
  /**
   * Neither store may be in use; the target must be empty, or hold what an interrupted run of the same copy left.
   * @throws TransferError, StoreLockedError
   */
  async copyStore ({ from, to, report }: { from: string, to: string, report: (sentence: string) => void }): Promise<CopyResult> {
    const source = await openSide(from, latest, { create: false })
    try {
      const target = await openSide(to, latest, { create: true })
      try {
        return await copy(source, target, latest.sqlite, report)
      } finally {
        await target.close()
      }
    } finally {
      await source.close()
    }
  }
})

const openSide = async (address: string, latest: Latest, options: { create: boolean }): Promise<Side> => isPostgres(address)
  ? await openPostgresSide(address, latest.postgres, 'sole')
  : openSqliteSide(address, latest.sqlite, options)
