// What an upstream told one process to wait, all processes on the store wait.
import type { BreakerRegistry } from './breaker-registry.ts'
import type { Clock } from './clock.ts'
import type { Store } from './store.ts'

// A clock that is wrong must not close a gate for a day.
const LONGEST_WAIT_MS = 3_600_000

export const shareWaits = (store: Pick<Store, 'announce' | 'subscribe'>, breakers: BreakerRegistry, clock: Pick<Clock, 'now' | 'monotonic'>): void => {
  breakers.onThrottled(({ name, waitMs }) => { store.announce([{ name, until: clock.now() + waitMs }]) })
  store.subscribe(({ waits = [] }) => {
    for (const { name, until } of waits) {
      // A process of another version may know others.
      const known = breakers.list().find((one) => one.name === name)
      known?.gate.close(clock.monotonic() + Math.min(until - clock.now(), LONGEST_WAIT_MS))
    }
  })
}
