// The brief: what is going on in plain sentences, and what broke.
import { reasonOf, urlOf } from './api.js'
import { fill, part, show, showRows, slot } from './page.js'
import { panel } from './panel.js'

const BROKE_SHOWN = 5
// It counts much on the server, and hardly anybody reads faster.
const GAP_MS = 2_000

/** A job is named with its id, and its message begins with its status. */
const partsOf = ({ what, name, message, at }) => {
  if (what !== 'job') return { name: name.replaceAll('_', ' '), state: what === 'agent' ? 'paused' : 'open', time: at, detail: message }
  const [, job, id] = /^(.*) (\S+)$/.exec(name) ?? [null, name, '']
  const [, state, detail] = /^(\w+): ([^]*)$/.exec(message) ?? [null, '', message]
  return { name: job, state, time: at, detail: reasonOf(detail), path: `jobs/${id}` }
}

const showBroke = (broke) => {
  const items = broke.slice(0, BROKE_SHOWN).map((one) => ({ key: `${one.what} ${one.name}`, ...partsOf(one) }))
  showRows(part('broke'), items, 'key', (row, { key: _key, path, ...values }) => {
    fill(row, values)
    if (path !== undefined) slot(row, 'name').href = urlOf(path)
  })
  const more = broke.length - items.length
  show(part('broke-note'), broke.length === 0 ? 'Nothing broke.' : more > 0 ? `And ${more} more: see the jobs.` : '')
}

export const refreshBrief = panel('brief', 'brief', ({ summary, broke }) => {
  showBroke(broke)
  return summary.map((text) => ({ text }))
}, 'text', fill, { gap: GAP_MS })
