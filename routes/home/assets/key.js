// The key that this page asks with. It is kept in the tab, and never part of an address.
/* global fetch, location, Blob */
import { part, show, storage } from './page.js'

const kept = storage('sessionStorage')
// Not `key`: that is a method of the storage.
const KEY = 'api key'
const form = part('key-form')
const field = part('key')

/** Of every request of this page. */
export const credential = () => kept[KEY] === undefined ? {} : { authorization: `Bearer ${kept[KEY]}` }

/** The server wants one, or does not take the one that we have. */
export const askForKey = (message) => {
  show(part('key-fault'), message)
  if (!form.hidden) return
  form.hidden = false
  field.focus()
}

const leave = () => {
  delete kept[KEY]
  location.reload()
}

/** @param self what GET /whoami said: a name of our own is not asked for where the key has one. */
export const showSelf = ({ name, role, auth }) => {
  part('actor-label').hidden = name !== null
  part('self').hidden = name === null
  show(part('self-name'), name === null ? '' : `${name}, ${role}`)
  form.hidden ||= auth !== 'required' || name !== null
}

form.addEventListener('submit', (event) => {
  event.preventDefault()
  const key = field.value.trim()
  if (key === '') return
  kept[KEY] = key
  field.value = ''
  // Everything on the page was asked without it.
  location.reload()
})
part('key-forget').addEventListener('click', leave)

// A link is followed without our header: what stands behind one that needs the key is fetched, and shown from here.
document.addEventListener('click', async (event) => {
  const link = event.target.closest?.('a[href]')
  if (!link || kept[KEY] === undefined || link.origin !== location.origin || link.dataset.open !== undefined) return
  event.preventDefault()
  const page = window.open('about:blank')
  const answer = await fetch(link.href, { headers: credential(), cache: 'no-store' }).catch(() => undefined)
  const text = answer === undefined ? 'The server cannot be reached.' : await answer.text()
  if (page !== null) page.location = URL.createObjectURL(new Blob([text], { type: answer?.headers.get('content-type') ?? 'text/plain' }))
})
