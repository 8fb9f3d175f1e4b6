// The thread that writes: takes batches of named units, commits each batch, answers. The event loop of the server never waits for the disk.
import { parentPort, workerData } from 'node:worker_threads'
import { AppError, type ErrorCode } from '../../core/errors.ts'
import type { Notice } from '../../core/store.ts'
import { unitOf, type NamedUnit } from '../operations/index.ts'
import { openSqlite } from './engine.ts'

export interface WriterData { file: string }

export type WriterRequest = { batch: NamedUnit[] } | { close: true }

/** An error cannot keep its class on the way to another thread. */
export type SentOutcome =
  | { ok: true, value: unknown }
  | { ok: false, fault: { code: ErrorCode, message: string, retryAfterMs: number | undefined } | { error: unknown } }

export type WriterAnswer = { ready: true } | { outcomes: SentOutcome[], notice: Notice } | { closed: true }

const port = parentPort!
const engine = openSqlite((workerData as WriterData).file, 'shared')
const say = (answer: WriterAnswer): void => { port.postMessage(answer) }

port.on('message', async (request: WriterRequest) => {
  if ('close' in request) {
    engine.close()
    say({ closed: true })
    port.close()
    return
  }
  const { outcomes, notice } = await engine.commit(request.batch.map(unitOf))
  say({ outcomes: outcomes.map((outcome) => outcome.ok ? outcome : { ok: false, fault: faultOf(outcome.error) }), notice })
})

const faultOf = (error: unknown): Extract<SentOutcome, { ok: false }>['fault'] =>
  error instanceof AppError ? { code: error.code, message: String(error.cause ?? error.message), retryAfterMs: error.retryAfterMs } : { error }

say({ ready: true })
