// Jobs per second through the store.
import { startProcess } from '../process.ts'
import { atLeast, type Row } from '../rows.ts'

export const jobs = async (dir: string): Promise<Row> => {
  const measured = await startProcess('jobs.ts', dir)
  await measured.stop()
  return {
    name: 'Jobs through the store: enqueue, claim and settle each durable, 64 in flight',
    unit: 'jobs/s',
    rounds: measured.ready.rounds!,
    bar: atLeast(15_000)
  }
}
