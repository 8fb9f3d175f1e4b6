// A thread that looks at a copied file from one end to the other: the event loop of the service does not wait for it.
import { parentPort, workerData } from 'node:worker_threads'
import { errorText } from '../../core/errors.ts'
import type { Manifest } from './manifest.ts'
import { sealSqlite } from './sqlite-backup.ts'

export interface SealData { file: string, madeAt: string }

export type SealAnswer = { manifest: Manifest } | { fault: string }

const { file, madeAt } = workerData as SealData
const answer: SealAnswer = await sealSqlite(file, madeAt).then((manifest) => ({ manifest }), (error: unknown) => ({ fault: errorText(error) }))
parentPort!.postMessage(answer)
