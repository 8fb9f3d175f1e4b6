// Answers that look nothing up: how to do things, what the assistant can and cannot do, and courtesies.
import { oneLine } from '../../wording.ts'
import type { Answer, Desk } from '../desk.ts'
import { howToGoals, type HowToTopic } from '../how-to.ts'

const able = (desk: Desk): string => {
  const shop = desk.unconnected('shopify_api') === undefined ? 'the shop (its sales, the orders that need you, its stock), ' : ''
  return `I can tell you about ${shop}the agents, their jobs and schedules, the health of this service, its circuit breakers and its ` +
    'figures, start an agent and cancel a job. Ask “What can you do?” for examples.'
}

export async function * howTo (topic: HowToTopic | null, told: boolean, desk: Desk): Answer {
  if (topic === null) {
    yield 'I did not understand what you want to do. I can explain how to:'
    yield * howToGoals().map((goal) => `- ${goal}`)
    return
  }
  const { goal, steps } = await desk.use('how_to', { topic })
  yield told ? `I cannot do that myself. To ${goal}:` : `To ${goal}:`
  for (const { text, command } of steps) {
    yield `- ${text}`
    if (command !== null) yield `  \`${command}\``
  }
}

/** `how`: what connects it. */
export function * notConnected (about: string, how: string, desk: Desk): Answer {
  yield `I cannot help with ${about}: there is nothing that I could look up, and I do not guess. ${how}`
  yield able(desk)
}

export function * beyond (about: string, desk: Desk): Answer {
  yield `I cannot help with ${about}: I have nothing that looks that up or does it, and I do not guess.`
  yield able(desk)
}

export function * held (action: 'run' | 'cancel'): Answer {
  const [act, example] = action === 'run' ? ['start an agent', '“Run the watchdog”'] : ['cancel a job', '“Cancel job” and its id']
  yield `I did nothing: I ${act} only when I am told so plainly and for right now, by a sentence such as ${example}.`
}

export function * help (desk: Desk): Answer {
  yield `I am the assistant of ${oneLine(desk.service.name)}. I look at the system itself and answer from what I find. For example:`
  if (desk.unconnected('shopify_api') === undefined) {
    yield '- “How is the shop doing today?”, “How were sales last week?”, “Which orders need me?”, “Show order #1042”'
    yield '- “What is out of stock?”, “What sells best this month?”, “How many new customers did we have yesterday?”'
  }
  if (desk.unconnected('github_api') === undefined) yield '- “Open pull requests”, “Are the checks of the repository green?”'
  yield '- “What agents are there?”, “How is the watchdog doing?”, “Run the watchdog”, “When does the watchdog run next?”'
  yield '- “What jobs failed?”, “Show me the queue”, “Job” or “Cancel job” with an id'
  yield '- “Is everything ok?”, “Show the circuit breakers”, “Is Shopify connected?”'
  yield '- “Metrics”, “How much memory do you use?”, “How many sessions are there?”, “Uptime”'
  yield '- “How do I start an agent?”, “How do I read the stream?”, “How do I post an event?”, “How do I configure Shopify?”'
  const unconnected = desk.unconnected('shopify_api')
  if (unconnected !== undefined) yield `Orders, sales, stock, prices and customers are not among it. ${unconnected}`
}

const COURTESIES = { greeting: 'Hello!', thanks: 'You are welcome.', farewell: 'Goodbye.' }

export function * courtesy (tone: keyof typeof COURTESIES, desk: Desk): Answer {
  yield tone === 'farewell' ? COURTESIES[tone] : `${COURTESIES[tone]} ${able(desk)}`
}

export function * notUnderstood (desk: Desk): Answer {
  yield `I did not understand that. ${able(desk)}`
}

export function * rest (): Answer {
  yield 'I did not understand the rest of your message.'
}

export function * more (answered: number): Answer {
  yield `Your message asks for more: I answered the first ${answered} things. Ask for the others again.`
}
