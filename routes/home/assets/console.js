// The start page: what the service is doing, live, and a conversation with its assistant. Text from the server is only ever set as text.
/* global AbortSignal, EventSource, fetch, requestAnimationFrame, Response, sessionStorage */

// At /, below /api/ or behind any other prefix: everything is beside the folder of this file.
const BASE = new URL('..', import.meta.url)
const urlOf = (path) => new URL(path, BASE)

const REQUEST_TIMEOUT_MS = 20_000
const REFRESH_EVERY_MS = 10_000
// However fast jobs change, a panel asks no more often than this.
const REFRESH_GAP_MS = 500
const RETRY_MS = 3_000
const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms) })

/** JSON of the API. `accept`: a further status that is an answer. @throws Error with a `status`: 0 when there was no answer at all. */
const ask = async (path, { method = 'GET', body, accept } = {}) => {
  const headers = { accept: 'application/json', 'content-type': 'application/json' }
  const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS)
  // no-store: the JSON of / must never be what the back button finds.
  const response = await fetch(urlOf(path), { method, headers, body: JSON.stringify(body), cache: 'no-store', signal })
    .catch(() => Response.error())
  const { ok, status } = response
  const answer = await response.json().catch(() => null)
  if (answer !== null && (ok || (status === accept && answer.error === undefined))) return answer
  const message = answer?.message ?? (status === 0 ? 'The server cannot be reached.' : `The server answered with status ${status}.`)
  throw Object.assign(new Error(answer?.request_id === undefined ? message : `${message} (request ${answer.request_id})`), { status })
}

// -- Putting it on the page

const part = (id) => document.getElementById(id)
const slot = (row, name) => row.querySelector(`[data-slot="${name}"]`)

const TONES = {
  good: ['healthy', 'succeeded', 'closed', 'forced closed', 'ready', 'live'],
  busy: ['queued', 'running', 'waiting', 'half open'],
  warn: ['parked', 'paused', 'cancelled', 'degraded', 'connection lost'],
  bad: ['failing', 'failed', 'dead', 'open', 'forced open', 'unhealthy', 'not ready']
}

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'short' })
const UNITS = [['day', 86_400_000], ['hour', 3_600_000], ['minute', 60_000], ['second', 1_000]]
const fromNow = (iso) => {
  const distance = Date.parse(iso) - Date.now()
  const [unit, ms] = UNITS.find((one) => Math.abs(distance) >= one[1]) ?? UNITS.at(-1)
  return relative.format(Math.trunc(distance / ms), unit)
}

/** A value on its place: plain text, a time (ISO-8601) or a badge. What is empty is hidden, what is right already is left alone. */
const show = (node, value) => {
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

const fill = (row, values) => { for (const name in values) show(slot(row, name), values[name]) }

const newRow = (list, key) => {
  const row = (part(`${list.id}-row`) ?? part('row')).content.firstElementChild.cloneNode(true)
  row.dataset.key = key
  return row
}

/** Makes the rows of a list fit the items. Rows that stay keep their nodes, and with them the focus. */
const showRows = (list, items, keyName, fillRow) => {
  const known = new Map([...list.children].map((row) => [row.dataset.key, row]))
  const rows = items.map((item) => {
    const row = known.get(item[keyName]) ?? newRow(list, item[keyName])
    known.delete(item[keyName])
    fillRow(row, item)
    return row
  })
  for (const gone of known.values()) gone.remove()
  rows.forEach((row, at) => { if (list.children[at] !== row) list.insertBefore(row, list.children[at] ?? null) })
}

// Fenced code, a line of nothing but code, code within a line, emphasis.
const MARKS = /```.*\n([^]*?)(?:\n?```\n?|(?![^]))|^ *`([^`\n]+)` *$\n?|`([^`\n]+)`|\*\*([^*\n]+)\*\*/m
const ELEMENTS = [null, 'pre', 'pre', 'code', 'strong']
/** Code and emphasis of an answer become elements, everything else stays the text that it is. */
const formatted = (text) => text.split(MARKS).map((piece = '', at) => {
  const tag = ELEMENTS[at % ELEMENTS.length]
  if (tag === null || piece === '') return piece
  const element = document.createElement(tag)
  element.textContent = piece
  return element
})

// -- Panels

/** Loads and shows a list, however often it is called: one request at a time, and at most one more after it. */
const panel = (id, path, itemsOf, keyName, fillRow, accept) => {
  const list = part(id)
  const fault = list.nextElementSibling
  let asked = false
  let running = false
  return async () => {
    asked = true
    if (running) return
    running = true
    for (; asked; await pause(REFRESH_GAP_MS)) {
      asked = false
      try {
        showRows(list, itemsOf(await ask(path, { accept })), keyName, fillRow)
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

/** One sentence about a job: what it came to, or how far it is. */
const detailOf = ({ status, output, error, reason, progress }) => {
  if (status === 'running' && progress !== null) return `${Math.round(progress.fraction * 100)} %: ${progress.note}`
  if (output?.characters !== undefined) return `${output.characters} characters`
  return output?.summary ?? error?.message ?? reason
}

const refreshService = () => ask('.').then(({ service, version }) => {
  document.title = service
  show(part('service'), service)
  show(part('version'), `Version ${version}`)
}, () => {})

const refreshChecks = panel('checks', 'readyz', ({ ready, status, checks }) => {
  show(part('ready'), ready ? status.replace('healthy', 'ready') : 'not ready')
  return checks
}, 'name', (row, { name, healthy, message }) => fill(row, { name, state: healthy ? 'healthy' : 'unhealthy', detail: message }), 503)

const refreshAgents = panel('agents', 'agents', (answer) => answer.agents, 'name', (row, agent) => {
  const { name, health, description, last_run: last, next_run_at: due } = agent
  const ended = last?.finished_at ?? last?.started_at ?? last?.created_at
  const summary = agent.enabled ? last && detailOf(last) : agent.paused_reason
  fill(row, { name, health, description, last: last === null ? 'Has not run yet' : `Last run ${last.status}`, ended, summary, due })
  slot(row, 'name').href = urlOf(`agents/${name}`)
  slot(row, 'next').hidden = due === null
  slot(row, 'run').ariaLabel = `Run ${name}`
  // From here on the row itself tells how that run went.
  if (last !== null && last.id === row.dataset.job) show(slot(row, 'note'), '')
})

const refreshJobs = panel('jobs', 'jobs?limit=10', ({ jobs, total }) => {
  show(part('jobs-total'), total)
  return jobs
}, 'id', (row, job) => {
  fill(row, { name: job.name, state: job.status, time: job.created_at, detail: detailOf(job) })
  slot(row, 'name').href = urlOf(`jobs/${job.id}`)
})

const refreshBreakers = panel('breakers', 'circuit-breakers', (answer) => answer.circuit_breakers, 'name', (row, breaker) => {
  const { label, configured, state, window, last_error: error, next_probe_in_ms: probe } = breaker
  const facts = [`${window.calls} calls, ${window.failures} failures in ${window.seconds} s`]
  if (probe !== null) facts.push(`next try in ${Math.ceil(probe / 1000)} s`)
  if (error !== null) facts.push(`last error: ${error.message}`)
  fill(row, { name: label, state: configured ? state : 'not_configured', detail: configured ? facts.join('; ') : '' })
})

const refreshAll = () => { for (const refresh of [refreshService, refreshChecks, refreshAgents, refreshJobs, refreshBreakers]) refresh() }

part('agents').addEventListener('click', async ({ target }) => {
  if (target.dataset.slot !== 'run') return
  const row = target.closest('li')
  const note = slot(row, 'note')
  note.className = 'quiet'
  try {
    row.dataset.job = (await ask(`agents/${row.dataset.key}/run`, { method: 'POST' })).job_id
    show(note, 'Queued')
    refreshAgents()
  } catch (error) {
    note.className = 'fault'
    show(note, error.message)
  }
})

// -- What happens in the system, as it happens

let live
const watch = () => {
  live?.close()
  const source = live = new EventSource(urlOf('stream'))
  const on = (name, ...refreshes) => source.addEventListener(name, () => { for (const refresh of refreshes) refresh() })
  on('open', () => show(part('connection'), 'live'), refreshAll)
  on('jobs', refreshJobs, refreshAgents)
  on('agent', refreshAgents)
  on('breaker', refreshBreakers, refreshChecks)
  on('error', () => {
    show(part('connection'), 'connection lost')
    // The browser comes back by itself, unless it was answered something that is no stream.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => { if (live === source) watch() }, RETRY_MS)
  })
}

// A browser keeps six connections to a server: pages that nobody looks at leave theirs to the others.
document.addEventListener('visibilitychange', () => document.hidden ? live.close() : watch())

// -- The conversation

const messages = part('messages')
const scroll = part('chat-scroll')
const fault = part('chat-fault')
const draft = part('chat-text')
const cancel = part('chat-cancel')
// A browser may refuse to keep anything: then a reload begins anew.
const kept = (() => { try { return sessionStorage } catch { return {} } })()
const SESSION_KEY = `session ${BASE.pathname}`
let session = kept[SESSION_KEY]
let sending = false
/** The EventSource of the answer under way, and the row of an answer that has not yet said which message it is. */
let answer, pending

const addRow = (role, id = '') => {
  const row = newRow(messages, id)
  row.className = role
  row.said = ''
  show(slot(row, 'who'), role === 'user' ? 'You' : 'Assistant')
  messages.append(row)
  return row
}

/** Draws what a row says. A reader who has scrolled up is left there. */
const draw = (row) => {
  row.frame = undefined
  const atEnd = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 80
  slot(row, 'text').replaceChildren(...(row.className === 'user' ? [row.said] : formatted(row.said)))
  if (atEnd) scroll.scrollTop = scroll.scrollHeight
}

/** Many pieces in one frame are drawn once. */
const say = (row, text) => {
  row.said += text
  row.frame ??= requestAnimationFrame(() => draw(row))
}

const setAnswering = (answering) => {
  messages.ariaBusy = String(answering)
  if (!answering && document.activeElement === cancel) draft.focus()
  cancel.hidden = !answering
  part('chat-send').hidden = answering
}

const stopFollowing = () => {
  answer?.close()
  pending?.remove()
  answer = pending = undefined
  setAnswering(false)
}

/** Reads the answer under way from its beginning. */
const follow = () => {
  stopFollowing()
  setAnswering(true)
  pending = addRow('assistant')
  scroll.scrollTop = scroll.scrollHeight
  const source = answer = new EventSource(urlOf(`agents/stream?session_id=${session}`))
  const on = (name, act) => source.addEventListener(name, (event) => act(event.data === undefined ? undefined : JSON.parse(event.data)))
  const loadLater = () => setTimeout(() => { if (answer === source) load() }, RETRY_MS)
  let missed = false

  const rowOf = ({ message_id: id }) => {
    const row = [...messages.children].find((one) => one.dataset.key === id) ?? pending ?? addRow('assistant')
    row.dataset.key = id
    if (row === pending) pending = undefined
    return row
  }
  const end = (data, note) => {
    const row = rowOf(data)
    draw(row)
    fill(row, { note })
    stopFollowing()
    if (missed) load()
  }

  on('open', () => show(fault, ''))
  on('message', (data) => {
    if (data.type === 'delta') return say(rowOf(data), data.content)
    if (data.type === 'done') return end(data, data.status === 'cancelled' ? 'Stopped.' : '')
    // This server streams nothing: the answer is there once it is stored.
    source.close()
    loadLater()
  })
  // What was said before a new attempt is void.
  on('attempt', (data) => say(Object.assign(rowOf(data), { said: '' }), ''))
  // Part of it is no longer stored as a stream; the finished answer is stored whole.
  on('gap', () => { missed = true })
  on('error', (data) => {
    // The server's own event of this name carries data, a lost connection does not.
    if (data !== undefined) return end(data, `${data.error} (${data.code})`)
    show(fault, 'The connection was lost; the answer is written on. Trying again.')
    if (source.readyState === EventSource.CLOSED) loadLater()
  })
}

/** Shows the conversation as it is stored, and goes on reading the answer that is missing from it. */
const load = async (follows = true) => {
  const wanted = session
  const stored = []
  try {
    for (let cursor = ''; cursor !== null;) {
      const page = await ask(`agents/session/${wanted}/messages${cursor && `?cursor=${encodeURIComponent(cursor)}`}`)
      stored.push(...page.messages)
      cursor = page.next_cursor
    }
  } catch (error) {
    if (session !== wanted) return
    if (error.status === 404) forget()
    else setTimeout(() => { if (session === wanted) load(follows) }, RETRY_MS)
    return show(fault, error.message)
  }
  if (session !== wanted) return
  stopFollowing()
  show(fault, '')
  messages.replaceChildren()
  for (const { id, role, content, status } of stored) {
    const row = addRow(role, id)
    row.said = content
    draw(row)
    fill(row, { note: status === 'interrupted' ? 'Stopped.' : '' })
  }
  const last = stored.findLast(({ role }) => role === 'user')
  if (follows && last?.job_id && !stored.some((one) => one.reply_to === last.id)) follow()
}

const forget = () => {
  stopFollowing()
  session = undefined
  delete kept[SESSION_KEY]
  show(fault, '')
  messages.replaceChildren()
}

const post = async (content) => {
  session ??= kept[SESSION_KEY] = (await ask('agents/session', { method: 'POST' })).session_id
  return ask('agents/message', { method: 'POST', body: { session_id: session, role: 'user', content } })
}

const send = async (content) => {
  if (sending || answer !== undefined || content.trim() === '') return
  sending = true
  try {
    const { message_id: id } = await post(content).catch((error) => {
      if (error.status !== 404) throw error
      // The session was deleted meanwhile.
      forget()
      return post(content)
    })
    say(addRow('user', id), content)
    show(fault, '')
    draft.value = ''
    follow()
  } catch (error) {
    draft.value = content
    show(fault, error.message)
  }
  sending = false
}

const submit = (event) => {
  event.preventDefault()
  send(draft.value)
}
part('chat-form').addEventListener('submit', submit)
draft.addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) submit(event)
})
part('chat-empty').addEventListener('click', ({ target }) => {
  if (target.tagName !== 'BUTTON') return
  // The button goes away. The box would open a phone's keyboard.
  scroll.focus()
  send(target.textContent)
})
part('chat-new').addEventListener('click', () => {
  forget()
  draft.focus()
})
cancel.addEventListener('click', () => ask(`agents/session/${session}/cancel`, { method: 'POST' }).then(({ cancelled }) => {
  // Nothing was under way any more: what is stored says how it ended.
  if (cancelled.length === 0 && answer !== undefined) load(false)
}, (error) => show(fault, error.message)))

setInterval(() => {
  if (!document.hidden) for (const node of document.querySelectorAll('time[datetime]')) if (!node.hidden) show(node, node.dateTime)
}, 1_000)
setInterval(() => { if (!document.hidden) refreshAll() }, REFRESH_EVERY_MS)

refreshAll()
watch()
if (session !== undefined) load()
