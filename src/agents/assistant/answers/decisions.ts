// Answers about what agents did and what they want to do: the brief, and what waits for a decision.
import { code, count, moment, oneLine } from '../../wording.ts'
import type { Answer, Desk } from '../desk.ts'

export async function * brief (desk: Desk): Answer {
  const { hours, summary, agents, waiting, broke } = await desk.use('brief')
  yield `The last ${count(hours, 'hour')}: ${oneLine(summary.join(' '), 2_000)}`
  for (const { agent, title } of waiting.proposals.slice(0, 5)) yield `- Waits for you: ${oneLine(title)} (${code(agent)})`
  for (const { name, message } of broke.slice(0, 5)) yield `- Broke: ${code(name)}: ${oneLine(message)}`
  for (const { name, succeeded, last_summary: said } of agents) {
    if (succeeded > 0 && said !== null) yield `- ${code(name)}: ${oneLine(said)}`
  }
  if (waiting.total > 0) yield 'Decide at POST /proposals/:id/approve or /reject; GET /proposals shows each with its arithmetic.'
}

export async function * proposals (agent: string | null, desk: Desk): Answer {
  const { proposals: list, total } = await desk.use('list_proposals', agent === null ? {} : { agent })
  const whose = agent === null ? '' : ` of ${code(agent)}`
  if (total === 0) {
    yield `No proposal${whose} waits for a decision.`
    return
  }
  yield `${count(total, 'proposal')}${whose} ${total === 1 ? 'waits' : 'wait'} for a decision${total > list.length ? `; the latest ${list.length}` : ''}:`
  for (const { id, agent: own, title, changes, expected_gain: gain, policy, expires_at: expires } of list) {
    const facts = [
      count(changes, 'change'),
      ...(gain === null ? [] : [`should bring ${gain.amount} ${gain.currency}`]),
      ...(policy.decision === 'two_person' ? ['two people have to approve'] : []),
      `until ${moment(expires, desk.now())}`
    ]
    yield `- ${oneLine(title)} (${[code(own), ...facts].join(', ')}): ${code(id)}`
  }
  yield 'I cannot decide for you: POST /proposals/:id/approve or /reject.'
}
