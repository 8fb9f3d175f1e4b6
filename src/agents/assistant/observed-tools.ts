// The tools for one reply: they note where figures come from, and do the same thing no second time.
import type { Json } from '../../core/model.ts'
import type { Source } from '../../core/upstream.ts'
import type { AssistantTools } from './tools.ts'

/** `onSource` hears where an answer came from. */
export const observeTools = (tools: AssistantTools, onSource: (source: Source) => void): AssistantTools => {
  // When the model fails after it started something, the answer by rules must not start it again.
  const done = new Map<string, Promise<Json>>()
  const observed = Object.entries(tools).map(([name, tool]) => {
    const run: typeof tool.run = async (input, context) => {
      const key = `${name} ${JSON.stringify(input)}`
      const running: Promise<Json> = done.get(key) ?? (tool.run as (input: unknown, context: unknown) => Promise<Json>)(input, context)
      if ('effect' in tool && tool.effect === true) done.set(key, running)
      const result = await running
      const source = sourceOf(result)
      if (source !== undefined) onSource(source)
      return result as never
    }
    return [name, { ...tool, run }]
  })
  return Object.fromEntries(observed) as AssistantTools
}

const sourceOf = (result: Json): Source | undefined => {
  if (typeof result !== 'object' || result === null || Array.isArray(result)) return undefined
  const { source, rests_on: restsOn, last_success: last } = result
  // The summary of a run says something of the shop as well.
  return [source, restsOn, typeof last === 'object' && last !== null && !Array.isArray(last) ? last['rests_on'] : undefined]
    .find((one) => one === 'live' || one === 'sandbox')
}
