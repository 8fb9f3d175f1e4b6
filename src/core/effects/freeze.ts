// The kill switch: what may not be changed now, by whom it was decided and until when.
import { EFFECT_CLASSES, type EffectClass } from './items.ts'
import { firstDue, latestStart } from '../cron.ts'
import { errorText } from '../errors.ts'

/** `all`, one agent, or one class of effect. */
export type FreezeScope = 'all' | `agent:${string}` | `class:${EffectClass}`

/** Comes back: from each instant of the cron line for so many minutes. */
export interface FreezeWindow {
  cron: string
  timezone: string
  minutes: number
}

/** Times are milliseconds since the epoch. */
export interface Freeze {
  id: string
  scope: FreezeScope
  reason: string
  actor: string
  request_id: string | null
  created_at: number
  starts_at: number
  /** Null: until it is lifted. */
  ends_at: number | null
  /** Null: the whole time from start to end. */
  window: FreezeWindow | null
  lifted_at: number | null
  lifted_by: string | null
}

const AGENT_SCOPE = /^agent:[a-z][a-z0-9_]{1,63}$/

export const isFreezeScope = (text: string): text is FreezeScope =>
  text === 'all' || AGENT_SCOPE.test(text) || (text.startsWith('class:') && (EFFECT_CLASSES as string[]).includes(text.slice(6)))

const MINUTE = 60_000

/** Whether it holds now. One that cannot be understood holds. */
export const isActive = (freeze: Freeze, now: number): boolean => {
  if (freeze.lifted_at !== null || (freeze.ends_at !== null && now >= freeze.ends_at)) return false
  // One that holds from the moment of its making holds for a clock that is slow, too.
  if (freeze.starts_at > freeze.created_at && now < freeze.starts_at) return false
  if (freeze.window === null) return true
  try {
    const start = latestStart(freeze.window.cron, freeze.window.timezone, now)
    return start !== null && !(now >= start + freeze.window.minutes * MINUTE)
  } catch {
    return true
  }
}

/** The freeze that stands in the way of this effect now; undefined: none does. */
export const freezeFor = (freezes: Freeze[], effect: { agent: string, class: EffectClass }, now: number): Freeze | undefined =>
  freezes.find((freeze) => concerns(freeze.scope, effect) && isActive(freeze, now))

/** The freeze of everything, or of all that this agent does, that holds now. */
export const agentFreeze = (freezes: Freeze[], agent: string, now: number): Freeze | undefined =>
  freezes.find((freeze) => (!isFreezeScope(freeze.scope) || freeze.scope === 'all' || freeze.scope === `agent:${agent}`) && isActive(freeze, now))

// A scope that this version does not know concerns everything: an unreadable switch is on.
const concerns = (scope: string, effect: { agent: string, class: EffectClass }): boolean =>
  !isFreezeScope(scope) || scope === 'all' || scope === `agent:${effect.agent}` || scope === `class:${effect.class}`

/** What is wrong with a window; undefined: nothing. */
export const windowFault = ({ cron, timezone }: FreezeWindow, now: number): string | undefined => {
  try {
    // One that never comes would be believed in.
    firstDue(cron, timezone, now)
    return undefined
  } catch (error) {
    return errorText(error)
  }
}
