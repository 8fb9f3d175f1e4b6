// What the user's own message orders. Only this lets a language model change something: nothing that a tool, an earlier answer or a
// stranger's text in either says can, because none of them is read here.
import type { Intent } from './intents.ts'

/** Permission for one call of one tool. */
export interface Order {
  tool: string
  /** For people and for the model: `run the watchdog agent`. */
  text: string
  /** Whether a call is what was ordered. */
  allows (input: unknown): boolean
}

/** The orders among what was recognised. A tool with an effect that is not named here is never given to a model. */
export const ordersOf = (intents: readonly Intent[]): Order[] => intents.flatMap((intent): Order[] => {
  if (intent.kind === 'run_agent' && intent.agent !== null) return [runOf(intent.agent)]
  if (intent.kind === 'cancel_job' && intent.id !== null) return [order('cancel_job', `cancel job ${intent.id}`, 'id', intent.id)]
  return []
})

/** With an input of its own making, the model would decide what the run does: an order in words has none. */
const runOf = (agent: string): Order => {
  const { allows, ...rest } = order('run_agent', `run the ${agent} agent`, 'name', agent)
  const hasNoInput = (call: unknown): boolean => Object.keys((call as { input?: object }).input ?? {}).length === 0
  return { ...rest, allows: (call) => allows(call) && hasNoInput(call) }
}

const order = (tool: string, text: string, property: string, value: string): Order => ({
  tool,
  text,
  allows: (input) => typeof input === 'object' && input !== null && (input as Record<string, unknown>)[property] === value
})
