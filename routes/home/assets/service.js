// How the service is doing: its checks, agents, jobs and circuit breakers.
import { actor } from './actor.js'
import { ask, reasonOf, urlOf } from './api.js'
import { fill, part, show, slot } from './page.js'
import { panel } from './panel.js'
import { offerAgents } from './proposals.js'

/** One sentence about a job: what it came to, or how far it is. */
const detailOf = ({ status, output, error, reason, progress }) => {
  if (status === 'running' && progress !== null) return `${Math.round(progress.fraction * 100)} %: ${progress.note}`
  if (output?.characters !== undefined) return `${output.characters} characters`
  return output?.summary ?? error?.message ?? reasonOf(reason)
}

export const refreshService = () => ask('.').then(({ service, version }) => {
  document.title = service
  show(part('service'), service)
  show(part('version'), `Version ${version}`)
}, () => {})

export const refreshChecks = panel('checks', 'readyz', ({ ready, status, checks }) => {
  show(part('ready'), ready ? status.replace('healthy', 'ready') : 'not ready')
  return checks
}, 'name', (row, { name, healthy, message }) => fill(row, { name, state: healthy ? 'healthy' : 'unhealthy', detail: message }), { accept: 503 })

export const refreshAgents = panel('agents', 'agents', ({ agents }) => {
  offerAgents(agents.map(({ name }) => name))
  return agents
}, 'name', (row, agent) => {
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

export const refreshJobs = panel('jobs', 'jobs?limit=10', ({ jobs, total }) => {
  show(part('jobs-total'), total)
  return jobs
}, 'id', (row, job) => {
  fill(row, { name: job.name, state: job.status, time: job.created_at, detail: detailOf(job) })
  slot(row, 'name').href = urlOf(`jobs/${job.id}`)
})

export const refreshBreakers = panel('breakers', 'circuit-breakers', (answer) => answer.circuit_breakers, 'name', (row, breaker) => {
  const { label, configured, state, window, last_error: error, next_probe_in_ms: probe } = breaker
  const facts = [`${window.calls} calls, ${window.failures} failures in ${window.seconds} s`]
  if (probe !== null) facts.push(`next try in ${Math.ceil(probe / 1000)} s`)
  if (error !== null) facts.push(`last error: ${error.message}`)
  fill(row, { name: label, state: configured ? state : 'not_configured', detail: configured ? facts.join('; ') : '' })
})

part('agents').addEventListener('click', async ({ target }) => {
  if (target.dataset.slot !== 'run') return
  const row = target.closest('li')
  const note = slot(row, 'note')
  note.className = 'quiet'
  try {
    row.dataset.job = (await ask(`agents/${row.dataset.key}/run`, { method: 'POST', body: actor() })).job_id
    show(note, 'Queued')
    refreshAgents()
  } catch (error) {
    note.className = 'fault'
    show(note, error.message)
  }
})
