// A backup of the embedded store by the process that runs on it: nobody else may open the file.
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import type { DatabaseSync } from 'node:sqlite'
import { Worker } from 'node:worker_threads'
import { manifestPath, partOf, type Manifest } from './manifest.ts'
import type { SealAnswer, SealData } from './seal-worker.ts'
import { TransferError } from './side.ts'
import { copyPages, prepareFolder } from './sqlite-backup.ts'

// Beside this file, as TypeScript in a checkout and as JavaScript in the bundle.
const SEAL = import.meta.url.endsWith('.ts') ? new URL('./seal-worker.ts', import.meta.url) : new URL('./seal-worker.js', import.meta.url)

/** `atOnce`: see copyPages. Leaves nothing behind when it fails. @throws TransferError, an error of the disk, or the reason of the signal. */
export const backupLive = async (database: DatabaseSync, file: string, { atOnce, signal }: { atOnce: boolean, signal: AbortSignal }): Promise<Manifest> => {
  const madeAt = new Date().toISOString()
  await prepareFolder(file)
  try {
    await copyPages(database, partOf(file), { atOnce, signal })
    return await sealInThread({ file, madeAt }, signal)
  } catch (error) {
    for (const path of [partOf(file), `${partOf(file)}-journal`, partOf(manifestPath(file))]) await rm(path, { force: true })
    throw error
  }
}

const sealInThread = async (workerData: SealData, signal: AbortSignal): Promise<Manifest> => {
  const worker = new Worker(SEAL, { workerData, name: 'backup-check' })
  try {
    const [answer] = await once(worker, 'message', { signal }) as [SealAnswer]
    if ('fault' in answer) throw new TransferError(answer.fault)
    return answer.manifest
  } finally {
    await worker.terminate()
  }
}
