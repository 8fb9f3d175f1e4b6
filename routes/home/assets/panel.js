// Lists that are asked for again when something has changed.
import { ask } from './api.js'
import { part, show, showRows } from './page.js'

const REFRESH_GAP_MS = 500
const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms) })

/**
 * Loads and shows a list, however often it is called: one request at a time, and at most one more after it. What is wrong is shown right after it.
 * `accept`: a further status that is an answer. `gap`: however fast things change, it asks no more often.
 */
export const panel = (id, path, itemsOf, keyName, fillRow, { accept, gap = REFRESH_GAP_MS, onGone } = {}) => {
  const list = part(id)
  const fault = list.nextElementSibling
  let asked = false
  let running = false
  return async () => {
    asked = true
    if (running) return
    running = true
    for (; asked; await pause(gap)) {
      asked = false
      try {
        showRows(list, await itemsOf(await ask(typeof path === 'string' ? path : path(), { accept })), keyName, fillRow, onGone)
        show(fault, '')
      } catch (error) {
        // What cannot be reached at all is said once, at the top.
        if (error.status === 0) show(part('connection'), 'connection lost')
        else show(fault, error.message)
      }
    }
    running = false
  }
}
