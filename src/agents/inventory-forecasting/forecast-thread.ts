// Computes forecasts in a thread of their own, so that the event loop goes on answering. The arrays change hands: nothing is copied.
import { Worker } from 'node:worker_threads'
import type { ForecastResult, ForecastTask } from './forecast-task.ts'
import type { WorkerAnswer } from './forecast-worker.ts'

// Beside this file, as TypeScript in a checkout and as JavaScript in the bundle.
const WORKER = import.meta.url.endsWith('.ts') ? new URL('./forecast-worker.ts', import.meta.url) : new URL('./forecast-worker.js', import.meta.url)

export interface ThreadOptions {
  /** Ends the thread at once. */
  signal: AbortSignal
  /** From 0 to 1. */
  progress? (fraction: number): void
  /** Hears of the thread, for tests. */
  started? (worker: Worker): void
}

/** The arrays of the task belong to the thread from here on. @throws the reason of the signal; what the computing throws. */
export const forecastInThread = (
  task: ForecastTask, { signal, progress, started }: ThreadOptions
): Promise<ForecastResult> => new Promise((resolve, reject) => {
  signal.throwIfAborted()
  const { units, censored, starts, groups, leads, leadDeviations } = task
  const transferList = [units, censored, starts, groups, leads, leadDeviations].map((array) => array.buffer as ArrayBuffer)
  const worker = new Worker(WORKER, { workerData: task, transferList, name: 'inventory-forecasts' })
  started?.(worker)
  const settle = (end: () => void): void => {
    signal.removeEventListener('abort', stop)
    end()
  }
  const stop = (): void => {
    // The run has not ended before its thread has: what it holds is given back.
    worker.terminate().then(() => { settle(() => { reject(signal.reason) }) }, reject)
  }
  signal.addEventListener('abort', stop, { once: true })
  worker.on('message', (answer: WorkerAnswer) => {
    if (signal.aborted) return
    if ('progress' in answer) progress?.(answer.progress)
    else settle(() => { resolve(answer.result) })
  })
  worker.on('error', (error) => { if (!signal.aborted) settle(() => { reject(error) }) })
  worker.on('exit', (code) => {
    if (!signal.aborted) settle(() => { reject(new Error(`the thread of the forecasts ended with ${code} before it had a result`)) })
  })
})
