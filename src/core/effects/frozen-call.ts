// A call to the shop that ends when its effect is frozen: it may wait long for its turn, and nothing is sent after the kill switch.
import type { Clock } from '../clock.ts'
import { frozenReason, ParkedError } from '../parked.ts'
import type { Store } from '../store.ts'
import { freezeFor } from './freeze.ts'
import type { EffectClass } from './items.ts'

/** Freezes of other processes are seen in the store alone. */
const LOOK_EVERY_MS = 400

/** What was sent already is asked for later, when the freeze is over. @throws ParkedError when it was frozen meanwhile; what `call` throws */
export const unlessFrozen = async <T>(
  effect: { agent: string, class: EffectClass },
  { store, clock, signal }: { store: Pick<Store, 'listFreezes'>, clock: Clock, signal: AbortSignal },
  call: (signal: AbortSignal) => Promise<T>
): Promise<T> => {
  const frozen = new AbortController()
  let over = false
  let timer: unknown
  const look = async (): Promise<void> => {
    // A store that does not answer now is asked again: the call has its own deadline.
    const freezes = await store.listFreezes({ lifted: false, now: clock.now() }).catch(() => [])
    if (over) return
    const freeze = freezeFor(freezes, effect, clock.now())
    if (freeze === undefined) lookLater()
    else frozen.abort(new ParkedError(frozenReason(freeze.id)))
  }
  const lookLater = (): void => { timer = clock.setTimeout(() => { look() }, LOOK_EVERY_MS) }
  lookLater()
  try {
    return await call(AbortSignal.any([signal, frozen.signal]))
  } finally {
    over = true
    clock.clearTimeout(timer)
  }
}
