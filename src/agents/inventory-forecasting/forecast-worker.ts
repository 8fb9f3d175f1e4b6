// The thread that computes forecasts: gets its task with its start, tells how far it is, hands the result over and ends.
import { parentPort, workerData } from 'node:worker_threads'
import type { ForecastResult, ForecastTask } from './forecast-task.ts'
import { forecastAll } from './forecaster.ts'

export type WorkerAnswer = { progress: number } | { result: ForecastResult }

const TELL_EVERY_MS = 200

let told = performance.now()
const result = forecastAll(workerData as ForecastTask, (progress) => {
  const now = performance.now()
  if (now - told < TELL_EVERY_MS) return
  told = now
  parentPort!.postMessage({ progress } satisfies WorkerAnswer)
})
const buffers = Object.values(result).map((array: ForecastResult[keyof ForecastResult]) => array.buffer as ArrayBuffer)
parentPort!.postMessage({ result } satisfies WorkerAnswer, buffers)
