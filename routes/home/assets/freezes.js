// The kill switch: what is frozen, freezing everything, and lifting it.
import { actor } from './actor.js'
import { ask } from './api.js'
import { fill, part, show, slot } from './page.js'
import { panel } from './panel.js'

const reason = part('freeze-reason')
const fault = part('freeze-fault')

const scopeOf = (scope) => scope === 'all' ? 'Everything' : scope.replace('agent:', 'Agent ').replace('class:', 'Effects: ').replaceAll('_', ' ')

/** How long a freeze holds, where it is not until it is lifted. */
const untilOf = ({ ends_at: end, window }) => {
  if (window !== null) return ` (by the calendar: ${window.cron}, ${window.timezone}, ${window.minutes} min each time)`
  return end === null ? '' : ` (until ${new Date(end).toLocaleString()})`
}

export const refreshFreezes = panel('freezes', 'freeze', ({ frozen, freezes }) => {
  show(part('freeze-state'), frozen ? 'Everything is frozen: no change reaches the shop.' : 'Approved changes are made.')
  part('freeze-state').dataset.frozen = frozen
  part('freeze-all').hidden = frozen
  part('freeze-label').textContent = frozen ? 'Reason for lifting (optional)' : 'Reason'
  return freezes
}, 'id', (row, freeze) => {
  const { scope, active, reason: why, actor: by, starts_at: from } = freeze
  // The next beginning by a calendar is not told.
  const since = active || freeze.window === null ? from : ''
  fill(row, { scope: scopeOf(scope), state: active ? 'frozen' : 'later', from: since, detail: `${by}: ${why}${untilOf(freeze)}` })
  slot(row, 'lift').ariaLabel = `Lift the freeze: ${scopeOf(scope)}`
})

const decide = async (path, body) => {
  try {
    await ask(path, { method: 'POST', body: { ...body, ...actor() } })
    reason.value = ''
    show(fault, '')
    // The button that was pressed goes away.
    part('freeze-title').focus()
    refreshFreezes()
  } catch (error) {
    show(fault, error.message)
  }
}

part('freeze-form').addEventListener('submit', (event) => {
  event.preventDefault()
  // Enter in the field never lifts anything.
  if (part('freeze-all').hidden) return
  if (reason.value.trim() === '') {
    show(fault, 'Say why: the reason is kept in the records.')
    return reason.focus()
  }
  decide('freeze', { scope: 'all', reason: reason.value.trim() })
})

part('freezes').addEventListener('click', ({ target }) => {
  if (target.dataset.slot !== 'lift') return
  const why = reason.value.trim()
  decide(`freeze/${target.closest('li').dataset.key}/lift`, why === '' ? {} : { reason: why })
})
