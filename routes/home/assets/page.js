// Putting it on the page. Text from the server is only ever set as text.

export const part = (id) => document.getElementById(id)

/** A browser may refuse to keep anything: then a reload begins anew. @param name `localStorage` or `sessionStorage` */
export const storage = (name) => { try { return window[name] } catch { return {} } }

export const slot = (row, name) => row.dataset.slot === name ? row : row.querySelector(`[data-slot="${name}"]`)

const TONES = {
  good: ['healthy', 'succeeded', 'closed', 'forced closed', 'ready', 'live', 'done'],
  busy: ['queued', 'running', 'waiting', 'half open', 'started', 'needs one person', 'needs nobody'],
  warn: ['parked', 'paused', 'cancelled', 'degraded', 'connection lost', 'frozen', 'conflict', 'needs two people', 'one of two approved'],
  bad: ['failing', 'failed', 'dead', 'open', 'forced open', 'unhealthy', 'not ready', 'blocked']
}

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'short' })
const UNITS = [['day', 86_400_000], ['hour', 3_600_000], ['minute', 60_000], ['second', 1_000]]
const fromNow = (iso) => {
  const distance = Date.parse(iso) - Date.now()
  const [unit, ms] = UNITS.find((one) => Math.abs(distance) >= one[1]) ?? UNITS.at(-1)
  return relative.format(Math.trunc(distance / ms), unit)
}

/** A value on its place: plain text, a time (ISO-8601) or a badge. What is empty is hidden, what is right already is left alone. */
export const show = (node, value) => {
  let text = String(value ?? '')
  if (node.tagName === 'TIME' && text !== '') {
    node.dateTime = text
    node.title = new Date(text).toLocaleString()
    text = fromNow(text)
  }
  if (node.className === 'badge') {
    text = text.replaceAll('_', ' ')
    node.dataset.tone = Object.keys(TONES).find((tone) => TONES[tone].includes(text)) ?? 'off'
  }
  if (node.textContent !== text) node.textContent = text
  node.hidden = text === ''
}

export const fill = (row, values) => { for (const name in values) show(slot(row, name), values[name]) }

export const newRow = (list, key) => {
  const row = (part(`${list.id}-row`) ?? part('row')).content.firstElementChild.cloneNode(true)
  row.dataset.key = key
  return row
}

/** Makes the rows of a list fit the items. Rows that stay keep their nodes, and with them the focus. `onGone`: hears of a row before it goes. */
export const showRows = (list, items, keyName, fillRow, onGone) => {
  const known = new Map([...list.children].map((row) => [row.dataset.key, row]))
  const rows = items.map((item) => {
    const row = known.get(item[keyName]) ?? newRow(list, item[keyName])
    known.delete(item[keyName])
    fillRow(row, item)
    return row
  })
  for (const gone of known.values()) {
    onGone?.(gone)
    gone.remove()
  }
  rows.forEach((row, at) => { if (list.children[at] !== row) list.insertBefore(row, list.children[at] ?? null) })
}

// Fenced code, a line of nothing but code, code within a line, emphasis.
const MARKS = /```.*\n([^]*?)(?:\n?```\n?|(?![^]))|^ *`([^`\n]+)` *$\n?|`([^`\n]+)`|\*\*([^*\n]+)\*\*/m
const ELEMENTS = [null, 'pre', 'pre', 'code', 'strong']
/** Code and emphasis of an answer become elements, everything else stays the text that it is. */
export const formatted = (text) => text.split(MARKS).map((piece = '', at) => {
  const tag = ELEMENTS[at % ELEMENTS.length]
  if (tag === null || piece === '') return piece
  const element = document.createElement(tag)
  element.textContent = piece
  return element
})
