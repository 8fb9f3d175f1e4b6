// What a proposal would change, and why: shown before anybody decides on it.
import { isMe } from './actor.js'
import { urlOf } from './api.js'
import { columnsOf, isByHand } from './changes.js'
import { fill, part, show, slot } from './page.js'

const VERDICTS = { auto: 'asks nobody', approve: 'one person', two_person: 'two people', block: 'blocked' }

const element = (tag, text, more = {}) => Object.assign(document.createElement(tag), { textContent: text, ...more })

/** Narrow screens show a row as lines: the roles say that it is a table all the same. */
const cell = (tag, heading, text, right) => {
  const made = element(tag, text, { role: tag === 'th' ? 'columnheader' : 'cell', className: right ? 'figure' : '' })
  if (tag === 'td') made.dataset.heading = heading
  return made
}

const tick = (index, verdict, title) => {
  const box = element('input', '', { type: 'checkbox', checked: verdict !== 'block', disabled: verdict === 'block', ariaLabel: `Approve this: ${title}` })
  box.dataset.index = index
  return box
}

const showTable = (table, { class: name, items, verdict }) => {
  const columns = columnsOf(name)
  const ticks = items.length > 1
  const head = element('tr', '', { role: 'row' })
  head.append(...(ticks ? [cell('th', '', 'Approve')] : []), ...columns.map(([heading, , right]) => cell('th', '', heading, right)), cell('th', '', 'Policy'))
  const rows = items.map((item, index) => {
    const row = element('tr', '', { role: 'row' })
    const { decision = verdict.decision, reasons = [] } = verdict.items[index] ?? {}
    if (ticks) {
      const box = cell('td', 'Approve', '')
      box.append(tick(index, decision, columns[0][1](item)))
      row.append(box)
    }
    row.append(...columns.map(([heading, text, right]) => cell('td', heading, text(item), right)))
    row.append(cell('td', 'Policy', [VERDICTS[decision] ?? decision, reasons.join(' ')].filter(Boolean).join(': ')))
    return row
  })
  const thead = element('thead', '', { role: 'rowgroup' })
  const tbody = element('tbody', '', { role: 'rowgroup' })
  thead.append(head)
  tbody.append(...rows)
  table.replaceChildren(thead, tbody)
}

/** Who has to approve, where one is not enough. */
const peopleOf = ({ approvals, decisions, requested_by: asked }) => {
  if (approvals.needed === 1) return ''
  const by = decisions.filter(({ verdict }) => verdict === 'approve').map(({ actor }) => actor)
  const lines = ['Two people have to approve this, each under a name of their own.']
  if (asked !== null) lines.push(`${asked} asked for it, and cannot be one of them.`)
  if (by.some(isMe)) lines.push('You have approved it: somebody else has to, too.')
  else if (by.length > 0) lines.push(`${by.join(' and ')} approved it: yours is the second approval.`)
  return lines.join(' ')
}

/** Draws it once: what was ticked stays, for a plan never changes. */
export const showPlan = (plan, proposal) => {
  if (plan.dataset.hash === undefined) {
    plan.append(part('plan').content.cloneNode(true))
    plan.dataset.hash = proposal.plan_hash
    slot(plan, 'rationale').replaceChildren(...proposal.rationale.map((line) => element('li', line)))
    showTable(slot(plan, 'items'), proposal)
    slot(plan, 'approve').ariaLabel = `Approve: ${proposal.title}`
    slot(plan, 'reject').ariaLabel = `Reject: ${proposal.title}`
    slot(plan, 'link').href = urlOf(`proposals/${proposal.id}`)
    fill(plan, {
      policy: proposal.verdict.reasons.join(' '),
      hand: isByHand(proposal.class) ? 'You carry this out yourself: approving it hands it over, and changes nothing in the shop.' : '',
      source: proposal.source === 'sandbox' ? 'The shop is the sandbox.' : ''
    })
  }
  show(slot(plan, 'people'), peopleOf(proposal))
}

/** The places of what is ticked, for the body of an approval; nothing where that is all there is. @throws Error when nothing is ticked. */
export const chosenOf = (plan) => {
  const boxes = [...plan.querySelectorAll('input[data-index]:enabled')]
  if (boxes.every((box) => box.checked)) return {}
  const items = boxes.filter((box) => box.checked).map((box) => Number(box.dataset.index))
  if (items.length === 0) throw new Error('No change is ticked: reject the proposal instead.')
  return { items }
}
