// `npm run bench:agents`: how good the agents' words are against the truth of the sandbox's shop, as tables and as a file in bench/results.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { orders } from './agents/orders.ts'
import { pricing } from './agents/pricing.ts'
import { measure as measureRecommendation } from './agents/recommendation.ts'
import { printed, sectionOf, type Section } from './agents/section.ts'
import { measure as measureSupport } from './agents/support.ts'
import { ROOT } from './process.ts'

/** A further agent is a module beside these and a line here. */
const MODULES: Record<string, () => Promise<Section>> = {
  pricing,
  orders,
  recommendation: async () => sectionOf('recommendation', [
    'Each cut is a day: counted is what was bought before it, and asked is about the 28 days after it: given one product of a basket, is another one ' +
    'among the first five? The bestsellers of the 90 days before are the baseline.'
  ], await measureRecommendation()),
  support: async () => sectionOf('customer_support', [
    "The sandbox's tickets are made of 24 texts that were known when the vocabulary was written: read those figures as a check that nothing " +
    'broke. The messages below them were written afterwards.'
  ], await measureSupport())
}

const main = async (): Promise<void> => {
  const begun = new Date()
  const wanted = process.argv.slice(2)
  const unknown = wanted.filter((name) => MODULES[name] === undefined)
  if (unknown.length > 0) throw new Error(`There is no ${unknown.join(', ')}: name some of ${Object.keys(MODULES).join(', ')}, or none for all.`)
  const parts: string[] = []
  for (const name of wanted.length === 0 ? Object.keys(MODULES) : wanted) {
    const text = printed(await MODULES[name]!())
    console.log(`${text}\n`)
    parts.push(text)
  }
  // A part of it is for the eye alone: the file is of all of them.
  if (wanted.length > 0) return
  const day = begun.toISOString().slice(0, 10)
  const seconds = Math.round((Date.now() - begun.getTime()) / 1_000)
  mkdirSync(join(ROOT, 'bench', 'results'), { recursive: true })
  const file = join(ROOT, 'bench', 'results', `agents-${day}.md`)
  writeFileSync(file, `# Quality of the agents, ${day}\n\nNode ${process.versions.node}; \`npm run bench:agents\`, ${seconds} s; all seeds fixed: the same ` +
    'figures on every machine.\n\n' +
    `${parts.join('\n\n')}\n`)
  console.log(file)
}

await main()
