// An agent that proposes what the test hands it.
import { Type } from '@sinclair/typebox'
import { defineAgent } from '../../src/core/agent.ts'
import type { ProposalDraft } from '../../src/core/effects/proposal.ts'

/** `drafts` is asked at each run; the output has the ids of the proposals. */
export const proposingAgent = (name: string, drafts: () => ProposalDraft[]) => defineAgent({
  name,
  description: 'Proposes what the test hands it.',
  input: Type.Object({}),
  output: Type.Object({ ids: Type.Array(Type.String()) }),
  triggers: {},
  summarise: () => 'proposed',
  run: async ({ propose }) => ({ ids: (await propose(drafts())).map(({ id }) => id) })
})
