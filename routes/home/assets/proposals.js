// The proposals that wait, and deciding on them: approved is the plan that was shown, by its hash.
/* global Option */
import { actor } from './actor.js'
import { ask, outcomeOf } from './api.js'
import { money } from './changes.js'
import { fill, part, show, slot } from './page.js'
import { panel } from './panel.js'
import { chosenOf, showPlan } from './plan.js'

const PAGE = 10
const MOST = 100

const list = part('proposals')
const choice = part('proposals-agent')
const more = part('proposals-more')
const said = part('proposals-said')
let limit = PAGE
let expiry

const refreshSoon = (proposals) => {
  clearTimeout(expiry)
  const next = Math.min(...proposals.map(({ expires_at: end }) => Date.parse(end)))
  // No event tells that a proposal has expired. Timers hold no more than 24 days.
  if (proposals.length > 0) expiry = setTimeout(() => refreshProposals(), Math.min(next - Date.now() + 1_000, 2_000_000_000))
}

const stateOf = ({ verdict, approvals }) => {
  if (approvals.needed === 1) return 'needs one person'
  return approvals.given === 0 ? 'needs two people' : 'one_of_two_approved'
}

const factsOf = ({ agent, class: name, items, expected_gain: gain, verdict }) => {
  const risk = verdict.at_risk
  return {
    agent: agent.replaceAll('_', ' '),
    what: `${items.length} × ${name.replaceAll('_', ' ')}`,
    gain: gain === null ? 'gain not estimated' : `expected gain ${money(gain.amount, gain.currency)}`,
    risk: risk === null ? 'money at risk unknown' : Number(risk.amount) === 0 ? 'no money at risk' : `${money(risk.amount, risk.currency)} at risk`
  }
}

const showProposal = (row, proposal) => {
  row.proposal = proposal
  fill(row, { title: proposal.title, state: stateOf(proposal), until: proposal.expires_at, ...factsOf(proposal) })
  if (slot(row, 'details').open) showPlan(slot(row, 'plan'), proposal)
}

/** Whoever stands in a row that goes away comes to the next one. */
const leave = (row) => {
  if (!row.contains(document.activeElement)) return
  const next = row.nextElementSibling ?? row.previousElementSibling
  ;(next?.querySelector('summary') ?? part('proposals-title')).focus()
}

const isOpen = ({ status, expires_at: end }) => status === 'pending' && Date.parse(end) > Date.now()
const ENDS = { pending: 'it has expired', expired: 'it has expired', superseded: 'a newer plan has taken its place' }

/** What somebody is reading stays when newer ones push it off the list, and does not go without a word. */
const beingRead = async (listed) => {
  const kept = []
  for (const row of list.children) {
    if (row.decided || !slot(row, 'details').open || listed.some(({ id }) => id === row.dataset.key)) continue
    const now = await ask(`proposals/${row.dataset.key}`)
    if (isOpen(now)) kept.push(now)
    else show(said, `“${now.title}” does not wait any more: ${ENDS[now.status] ?? `it is ${now.status}`}. ${slot(row, 'fault').textContent}`)
  }
  return kept
}

const query = () => `proposals?status=pending&limit=${limit}${choice.value === '' ? '' : `&agent=${encodeURIComponent(choice.value)}`}`

export const refreshProposals = panel('proposals', query, async ({ proposals, total }) => {
  // The server ends what has expired once in a while only.
  const listed = proposals.filter(isOpen)
  const open = [...listed, ...await beingRead(listed)]
  show(part('proposals-total'), total)
  show(part('proposals-none'), open.length === 0 ? 'Nothing waits for a decision.' : '')
  more.hidden = total <= proposals.length || limit >= MOST
  refreshSoon(open)
  return open
}, 'id', showProposal, { onGone: leave })

/** Those that there are, in the order of the server. What was chosen stays chosen. */
export const offerAgents = (names) => {
  const offered = [...choice.options].slice(1).map((option) => option.value)
  if (offered.join() === names.join()) return
  const chosen = choice.value
  choice.replaceChildren(choice.options[0], ...names.map((name) => new Option(name.replaceAll('_', ' '), name)))
  choice.value = names.includes(chosen) ? chosen : ''
}

choice.addEventListener('change', () => {
  limit = PAGE
  list.replaceChildren()
  refreshProposals()
})
more.addEventListener('click', () => {
  limit = Math.min(limit + 2 * PAGE, MOST)
  refreshProposals()
})

// The event of opening does not bubble.
list.addEventListener('toggle', ({ target }) => {
  const row = target.closest('li')
  if (target.open) showPlan(slot(row, 'plan'), row.proposal)
}, true)

/** Goes on telling what became of it; the effects are below, whether this is heard or not. */
const tellOutcome = ({ apply_job_id: job, title }) => outcomeOf(job)
  .then((text) => show(said, `Approved${text.includes(title) ? '' : ` “${title}”`}. ${text}`), () => {})

const decide = async (row, verdict) => {
  const plan = slot(row, 'plan')
  const fault = slot(row, 'fault')
  const { id, title } = row.proposal
  row.busy = true
  try {
    const why = slot(plan, 'reason').value.trim()
    const body = { plan_hash: plan.dataset.hash, ...actor(), ...(why === '' ? {} : { reason: why }), ...(verdict === 'approve' ? chosenOf(plan) : {}) }
    const answer = await ask(`proposals/${id}/${verdict}`, { method: 'POST', body })
    show(fault, '')
    if (answer.status === 'pending') {
      showProposal(row, answer)
      show(said, `Approved “${title}”: the first of two. A second person has to approve it under another name.`)
    } else {
      row.decided = true
      leave(row)
      row.remove()
      show(said, verdict === 'reject' ? `Rejected “${title}”.` : `Approved “${title}”. Its changes are being made …`)
      if (answer.apply_job_id !== null) tellOutcome(answer)
    }
  } catch (error) {
    show(fault, error.message)
  }
  row.busy = false
  refreshProposals()
}

list.addEventListener('click', ({ target }) => {
  const verdict = target.dataset.slot
  const row = target.closest('li')
  if ((verdict === 'approve' || verdict === 'reject') && !row.busy) decide(row, verdict)
})
