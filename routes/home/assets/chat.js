// The conversation with the assistant.
/* global requestAnimationFrame */
import { ask, BASE, urlOf } from './api.js'
import { Events } from './events.js'
import { fill, formatted, newRow, part, show, slot, storage } from './page.js'

const RETRY_MS = 3_000
const messages = part('messages')
const scroll = part('chat-scroll')
const fault = part('chat-fault')
const draft = part('chat-text')
const cancel = part('chat-cancel')
const kept = storage('sessionStorage')
const SESSION_KEY = `session ${BASE.pathname}`
let session = kept[SESSION_KEY]
let sending = false
/** The stream of the answer under way, and the row of an answer that has not yet said which message it is. */
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
  const source = answer = new Events(urlOf(`agents/stream?session_id=${session}`))
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
    if (source.closed) loadLater()
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

if (session !== undefined) load()
