// What several commits add up to for those who wait.
import type { Notice } from '../core/store.ts'

export const emptyNotice = (): Notice => ({ streams: new Map(), queues: new Set(), cancels: [], finished: [], gone: [], plans: false })

export const mergeNotices = (notices: Notice[]): Notice => {
  const merged = emptyNotice()
  for (const notice of notices) {
    for (const [stream, events] of notice.streams) {
      const known = merged.streams.get(stream)
      merged.streams.set(stream, events === undefined || (known === undefined && merged.streams.has(stream)) ? undefined : [...known ?? [], ...events])
    }
    for (const queue of notice.queues) merged.queues.add(queue)
    merged.cancels.push(...notice.cancels)
    merged.finished.push(...notice.finished)
    merged.gone.push(...notice.gone)
    merged.plans ||= notice.plans
    if (notice.holds === true) merged.holds = true
    if (notice.keys === true) merged.keys = true
    if (notice.waits !== undefined) merged.waits = [...merged.waits ?? [], ...notice.waits]
    if (notice.everything === true) merged.everything = true
  }
  return merged
}
