// Permission to change something outside, which lapses by itself. A process that stood still for a while (a machine that was paused, a long stall) does
// not know that another one has gone on in its place: whatever it was about to send is not sent. The permission is ambient, as keyed work is: the
// client asks for it in the moment in which it sends, however long the call has waited for its turn.
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Clock } from './clock.ts'

/** How long a permission lasts after it was last looked at, milliseconds. Far less than the time after which another process would make the call. */
export const PERMISSION_MS = 5_000

export class PermissionLapsedError extends Error {
  constructor () {
    super('The process stood still before the call: nothing was sent, and whoever has the job now looks first.')
    this.name = 'PermissionLapsedError'
  }
}

export interface Permission {
  /** It was looked at: `since` is the monotonic time before the look. */
  renew (since: number): void
  run<R> (fn: () => R): R
}

const ambient = new AsyncLocalStorage<() => boolean>()

/** `since`: the monotonic time before whatever it rests on was asked for. */
export const createPermission = (clock: Pick<Clock, 'monotonic'>, since: number): Permission => {
  let until = since + PERMISSION_MS
  return {
    renew (lookedAt) { until = Math.max(until, lookedAt + PERMISSION_MS) },
    run: (fn) => ambient.run(() => clock.monotonic() <= until, fn)
  }
}

/** To be called right before something is sent. Calls outside of any permission are free. @throws PermissionLapsedError */
export const assertPermitted = (): void => {
  if (ambient.getStore()?.() === false) throw new PermissionLapsedError()
}
