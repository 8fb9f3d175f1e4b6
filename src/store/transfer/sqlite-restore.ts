// A backup of an SQLite store goes back to its place: looked at first, beside the place, and then moved in; what was there is kept.
import { constants, existsSync } from 'node:fs'
import { copyFile, mkdir, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { lockStore } from '../sqlite/lock.ts'
import { differenceOfTotals, type Restored, type Verify } from './verify.ts'
import { flush, readManifest } from './manifest.ts'
import { TransferError } from './side.ts'
import { inspectFile } from './sqlite-backup.ts'

/** @throws TransferError, StoreLockedError; then everything is as it was. */
export const restoreSqlite = async ({ from, file, replace, verify }: { from: string, file: string, replace: boolean, verify: Verify }): Promise<Restored> => {
  const manifest = await readManifest(from, 'sqlite')
  await mkdir(dirname(file), { recursive: true })
  const unlock = lockStore(file)
  const part = `${file}.restored`
  try {
    if (existsSync(file) && !replace) throw new TransferError(`There is a store at ${file} already. With --replace it is kept under another name.`)
    for (const suffix of SUFFIXES) await rm(`${part}${suffix}`, { force: true })
    await copyFile(from, part, constants.COPYFILE_FICLONE)
    const { digest } = await inspectFile(part)
    const difference = manifest === undefined ? undefined : differenceOfTotals(manifest, digest)
    if (difference !== undefined) throw new TransferError(`${from} is not what it was when it was made: ${difference}.`)
    // This brings its schema up to date as well.
    const verified = await verify(part)
    await flush(part)
    const kept = existsSync(file) ? `${file}.before-${new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '')}` : undefined
    // A log left behind would be taken for that of the restored file.
    for (const suffix of ['', '-wal', '-shm']) {
      if (!existsSync(`${file}${suffix}`)) continue
      if (kept === undefined) await rm(`${file}${suffix}`)
      else await rename(`${file}${suffix}`, `${kept}${suffix}`)
    }
    await rename(part, file)
    await flush(dirname(file))
    return { ...verified, rows: digest.rows, tables: digest.tables.length, kept, compared: manifest !== undefined }
  } finally {
    for (const suffix of SUFFIXES) await rm(`${part}${suffix}`, { force: true })
    unlock()
  }
}

const SUFFIXES = ['', '-wal', '-shm', '-journal', '.lock']
