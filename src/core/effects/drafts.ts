// What an agent files has to have its form before anything is made of it: types bind only what was compiled with them.
import { Type } from '@sinclair/typebox'
import { PermanentError } from '../agent.ts'
import { faultOf } from '../check.ts'
import { canonicalJson } from './canonical.ts'
import { EFFECT_ITEMS } from './items.ts'
import type { ProposalDraft } from './proposal.ts'

export const VALID_FOR_MS = 72 * 3_600_000
const MOST_DRAFTS = 200
const MOST_ITEMS = 100
/** A line for each change, and some about the whole. */
const MOST_LINES = 200
const MOST_EVIDENCE = 100_000
const MONTH_MS = 31 * 86_400_000

const Frame = Type.Object({
  key: Type.String({ minLength: 1, maxLength: 300 }),
  title: Type.String({ maxLength: 500, pattern: '\\S' }),
  rationale: Type.Array(Type.String({ maxLength: 1_000 }), { maxItems: MOST_LINES }),
  items: Type.Array(Type.Unknown(), { minItems: 1, maxItems: MOST_ITEMS }),
  expected_gain: Type.Union([
    Type.Object({ amount: Type.String({ pattern: '^-?[0-9]{1,14}(\\.[0-9]{1,4})?$' }), currency: Type.String({ pattern: '^[A-Z]{3}$' }) }), Type.Null()
  ]),
  valid_for_ms: Type.Optional(Type.Integer({ minimum: 1_000, maximum: MONTH_MS }))
})

/** @throws PermanentError `invalid_proposal` */
export const checkDrafts = async (drafts: ProposalDraft[]): Promise<void> => {
  if (drafts.length > MOST_DRAFTS) throw invalid(`${drafts.length} proposals at once; at most ${MOST_DRAFTS}.`)
  const keys = new Set<string>()
  for (const draft of drafts) {
    const { class: name, key, items } = draft
    if (!Object.hasOwn(EFFECT_ITEMS, name)) throw invalid(`There is no class of effect called ${JSON.stringify(name)}.`)
    const called = JSON.stringify(String(key).slice(0, 80))
    const fault = await faultOf(Frame, draft)
    if (fault !== undefined) throw invalid(`${called}: ${fault}.`)
    // The store would keep other text than the plan's hash was taken of.
    if (!key.isWellFormed() || key.includes('\0')) throw invalid(`The key ${called} cannot be stored.`)
    if (keys.has(key)) throw invalid(`The key ${called} is there twice.`)
    keys.add(key)
    for (const [index, item] of items.entries()) {
      const itemFault = await faultOf(EFFECT_ITEMS[name], item)
      if (itemFault !== undefined) throw invalid(`${called}: change ${index}: ${itemFault}.`)
    }
    const evidence = evidenceOf(draft)
    if (evidence === undefined) throw invalid(`${called}: the evidence is no JSON.`)
    if (evidence.length > MOST_EVIDENCE) throw invalid(`${called}: the evidence is longer than ${MOST_EVIDENCE} characters.`)
  }
}

const evidenceOf = ({ evidence }: ProposalDraft): string | undefined => {
  try {
    return canonicalJson(evidence)
  } catch {
    return undefined
  }
}

const invalid = (what: string): PermanentError => new PermanentError('invalid_proposal', what)
