// Who decides: the name that goes into the records with every decision. With a key it is the key's.
import { ask } from './api.js'
import { showSelf } from './key.js'
import { part, show, storage } from './page.js'

const NAME = /^[A-Za-z0-9][A-Za-z0-9 ._@-]{0,79}$/
const WRONG = 'A name begins with a letter from A to Z or a digit, and holds only these, spaces and . _ @ -'

/** What the key is called; null: there is none. */
let own = null

const field = part('actor')
const kept = storage('localStorage')

const isWrong = () => field.value.trim() !== '' && !NAME.test(field.value.trim())

field.value = kept.actor ?? ''
field.addEventListener('input', () => {
  field.ariaInvalid = String(isWrong())
  show(part('actor-fault'), isWrong() ? WRONG : '')
  if (isWrong()) return
  if (field.value.trim() === '') delete kept.actor
  else kept.actor = field.value.trim()
})

/** For the body of a request; empty when nobody gave a name. @throws Error when what stands there can be no name. */
export const actor = () => {
  if (own !== null) return {}
  if (isWrong()) {
    field.focus()
    throw new Error(WRONG)
  }
  const name = field.value.trim()
  return name === '' ? {} : { actor: name }
}

/** As the records compare names. */
export const isMe = (name) => (own ?? field.value).trim().toLowerCase() === name.trim().toLowerCase()

ask('whoami').then((self) => {
  own = self.name
  showSelf(self)
}, () => {})
