// What happens in the system, as it happens.
import { urlOf } from './api.js'
import { Events } from './events.js'
import { part, show } from './page.js'

const RETRY_MS = 3_000

/** @param handlers what is called at an event of each name; `open`: whenever the connection stands, for nothing was heard before. */
export const follow = (handlers) => {
  let live
  const watch = () => {
    live?.close()
    const source = live = new Events(urlOf('stream'))
    source.addEventListener('open', () => show(part('connection'), 'live'))
    for (const [name, refreshes] of Object.entries(handlers)) {
      source.addEventListener(name, () => { for (const refresh of refreshes) refresh() })
    }
    source.addEventListener('error', () => {
      show(part('connection'), 'connection lost')
      // It comes back by itself, unless it was answered something that is no stream.
      if (source.closed) setTimeout(() => { if (live === source) watch() }, RETRY_MS)
    })
  }
  // A browser keeps six connections to a server: pages that nobody looks at leave theirs to the others.
  document.addEventListener('visibilitychange', () => document.hidden ? live.close() : watch())
  watch()
}
