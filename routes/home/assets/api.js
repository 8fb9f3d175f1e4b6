// Asking the API. At /, below /api/ or behind any other prefix: everything is beside the folder of this file.
/* global AbortSignal, fetch, Response */
import { askForKey, credential } from './key.js'

export const BASE = new URL('..', import.meta.url)
export const urlOf = (path) => new URL(path, BASE)

const REQUEST_TIMEOUT_MS = 20_000

/** JSON of the API. `accept`: a further status that is an answer. @throws Error with a `status`: 0 when there was no answer at all. */
export const ask = async (path, { method = 'GET', body, accept } = {}) => {
  const headers = { accept: 'application/json', 'content-type': 'application/json', ...credential() }
  const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS)
  // no-store: the JSON of / must never be what the back button finds.
  const response = await fetch(urlOf(path), { method, headers, body: JSON.stringify(body), cache: 'no-store', signal })
    .catch(() => Response.error())
  const { ok, status } = response
  const answer = await response.json().catch(() => null)
  if (answer !== null && (ok || (status === accept && answer.error === undefined))) return answer
  if (status === 401) askForKey(answer?.message)
  const message = answer?.message ?? (status === 0 ? 'The server cannot be reached.' : `The server answered with status ${status}.`)
  throw Object.assign(new Error(answer?.request_id === undefined ? message : `${message} (request ${answer.request_id})`), { status })
}

/** Why a job waits. */
export const reasonOf = (reason) => reason?.startsWith('frozen:') ? 'It waits until the freeze is lifted.' : reason

/** What became of a job, in words. It is waited for, though not for ever. */
export const outcomeOf = async (id) => {
  const { status, output, error, reason } = await ask(`jobs/${id}?wait=10`)
  if (status === 'succeeded') return output?.summary ?? 'Done.'
  if (reason !== null && reason !== reasonOf(reason)) return reasonOf(reason)
  return error === null ? `It is ${status}${reason === null ? '' : `: ${reason}`}.` : `It ${status}: ${error.message}`
}
