// The last effects: what was changed in the shop or tried, and undoing it.
/* global confirm */
import { actor } from './actor.js'
import { ask, outcomeOf, urlOf } from './api.js'
import { isUndoable, lineOf } from './changes.js'
import { fill, part, show, slot } from './page.js'
import { panel } from './panel.js'

const detailOf = ({ agent, actors, reverts, error }) => {
  const by = actors.map((name) => name.startsWith('policy:') ? `version ${name.slice(7)} of the policy` : name).join(' and ')
  const said = `${agent}, ${reverts === null ? 'let pass' : 'undone'} by ${by}.`
  return error === null ? said : `${said} ${error.message}`
}

export const refreshEffects = panel('effects', 'effects?limit=8', ({ effects, total }) => {
  show(part('effects-total'), total)
  show(part('effects-none'), total === 0 ? 'Nothing was changed yet.' : '')
  return effects
}, 'id', (row, effect) => {
  const { id, class: name, item, target, status, started_at: begun, finished_at: ended, reverts } = effect
  const line = lineOf(name, item, target)
  fill(row, { line: reverts === null ? line : `Undoing: ${line}`, state: status, time: ended ?? begun, detail: detailOf(effect) })
  slot(row, 'line').href = urlOf(`effects/${id}`)
  const undo = slot(row, 'undo')
  undo.hidden = status !== 'done' || reverts !== null || !isUndoable(name)
  undo.ariaLabel = `Undo: ${line}`
})

part('effects').addEventListener('click', async ({ target }) => {
  if (target.dataset.slot !== 'undo') return
  const row = target.closest('li')
  const note = slot(row, 'note')
  if (row.busy || !confirm(`Undo this in the shop?\n${slot(row, 'line').textContent}`)) return
  row.busy = true
  note.className = 'quiet'
  try {
    const { job_id: job } = await ask(`effects/${row.dataset.key}/revert`, { method: 'POST', body: actor() })
    show(note, 'Undoing it …')
    slot(row, 'line').focus()
    show(note, await outcomeOf(job))
    refreshEffects()
  } catch (error) {
    note.className = 'fault'
    show(note, error.message)
  }
  row.busy = false
})
