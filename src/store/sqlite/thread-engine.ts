// The embedded engine on a file: this thread reads, a thread of its own writes. With a slow disk the event loop does not feel a flush,
// and a batch is as large as what came in while the one before it was flushed.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { AppError } from '../../core/errors.ts'
import type { Committer, Outcome } from '../group-commit.ts'
import { emptyNotice } from '../notices.ts'
import type { NamedUnit } from '../operations/index.ts'
import type { Operation } from '../statement.ts'
import type { SqliteEngine } from './engine.ts'
import { openSqliteFile } from './file.ts'
import type { SentOutcome, WriterAnswer, WriterData, WriterRequest } from './writer.ts'

export interface ThreadEngine extends Committer<NamedUnit> {
  read<R> (operation: Operation<R>): R
  sizeBytes (): number
  close (): Promise<void>
}

type Committed = Awaited<ReturnType<ThreadEngine['commit']>>

/** Opens the file to read here and to write in a thread of its own. @throws StoreLockedError */
export const openThreadEngine = async (file: string, latest: string): Promise<ThreadEngine> => {
  const { engine: reader, close } = await openSqliteFile(file, latest, 'shared')
  reader.database.exec('PRAGMA query_only = ON')
  return startWriter(file, reader, close)
}

// Beside this file, as TypeScript in a checkout and as JavaScript in the bundle.
const WRITER = import.meta.url.endsWith('.ts') ? new URL('./writer.ts', import.meta.url) : new URL('./writer.js', import.meta.url)

const startWriter = async (file: string, reader: SqliteEngine, closeReader: () => void): Promise<ThreadEngine> => {
  const worker = new Worker(WRITER, { workerData: { file } satisfies WriterData, name: 'store-writer' })
  const tell = (request: WriterRequest): void => { worker.postMessage(request) }
  let waiting: { resolve: (committed: Committed) => void, units: number } | undefined
  let broken: unknown

  /** A writer that is gone took its batch with it: whether that was written is not known. */
  const breakDown = (error: unknown): void => {
    broken = error
    const left = waiting
    waiting = undefined
    left?.resolve(allFailed(left.units, error))
  }

  await once(worker, 'message')
  worker.on('message', (answer: WriterAnswer) => {
    if (!('outcomes' in answer)) return
    const { resolve } = waiting!
    waiting = undefined
    resolve({ outcomes: answer.outcomes.map(received), notice: answer.notice })
  })
  worker.on('error', breakDown)
  worker.on('exit', () => { breakDown(broken ?? new Error('the writer of the store has stopped')) })

  return {
    commit (batch) {
      if (broken !== undefined) return allFailed(batch.length, broken)
      return new Promise((resolve) => {
        waiting = { resolve, units: batch.length }
        tell({ batch })
      })
    },
    read: (operation) => reader.read(operation),
    sizeBytes: () => reader.sizeBytes(),
    async close () {
      if (broken === undefined) {
        const gone = once(worker, 'exit')
        tell({ close: true })
        await gone
      }
      closeReader()
    }
  }
}

const received = (outcome: SentOutcome): Outcome => {
  if (outcome.ok) return outcome
  const { fault } = outcome
  if ('error' in fault) return { ok: false, error: fault.error }
  const { code, message, retryAfterMs } = fault
  return { ok: false, error: new AppError(code, { cause: new Error(message), ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }) }
}

const allFailed = (units: number, cause: unknown): Committed => ({
  outcomes: Array.from({ length: units }, () => ({ ok: false, error: new AppError('store_unavailable', { cause, retryAfterMs: 5_000 }) })),
  notice: emptyNotice()
})
