// A call to the shop that ends when its effect is frozen: it may wait long for its turn, and nothing is sent after the kill switch.
import type { Clock } from '../clock.ts'
import { frozenReason, ParkedError } from '../parked.ts'
import { createPermission } from '../permission.ts'
import type { Store } from '../store.ts'
import { freezeFor } from './freeze.ts'
import type { EffectClass } from './items.ts'

/** Freezes of other processes are seen in the store alone. */
const LOOK_EVERY_MS = 400

/**
 * What was sent already is asked for later, when the freeze is over. `since`: the monotonic time before the effect was allowed to begin; each look at
 * the store renews the permission to send.
 * @throws ParkedError when it was frozen meanwhile, PermissionLapsedError when this process stood still before it sent; what `call` throws
 */
export const unlessFrozen = async <T>(
  effect: { agent: string, class: EffectClass },
  { store, clock, signal, since }: { store: Pick<Store, 'listFreezes'>, clock: Clock, signal: AbortSignal, since: number },
  call: (signal: AbortSignal) => Promise<T>
): Promise<T> => {
  const frozen = new AbortController()
  const permission = createPermission(clock, since)
  let over = false
  let timer: unknown
  const look = async (): Promise<void> => {
    const lookedAt = clock.monotonic()
    // A store that does not answer now is asked again, and the permission to send lapses meanwhile.
    const freezes = await store.listFreezes({ lifted: false, now: clock.now() }).catch(() => undefined)
    if (over) return
    const freeze = freezeFor(freezes ?? [], effect, clock.now())
    if (freeze !== undefined) {
      frozen.abort(new ParkedError(frozenReason(freeze.id)))
      return
    }
    if (freezes !== undefined) permission.renew(lookedAt)
    lookLater()
  }
  const lookLater = (): void => { timer = clock.setTimeout(() => { look() }, LOOK_EVERY_MS) }
  lookLater()
  try {
    return await permission.run(() => call(AbortSignal.any([signal, frozen.signal])))
  } finally {
    over = true
    clock.clearTimeout(timer)
  }
}
