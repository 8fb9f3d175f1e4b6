// What a server of a campaign needs to change the sandbox's shop: the real integration at the address in STAND_IN, and an agent that proposes.
import { Type } from '@sinclair/typebox'
import type { Logger } from 'pino'
import { createBreakers } from '../../../plugins/upstreams.ts'
import type { Config } from '../../../src/config/index.ts'
import { defineAgent, type AgentContext } from '../../../src/core/agent.ts'
import { systemClock } from '../../../src/core/clock.ts'
import type { ProposalDraft } from '../../../src/core/effects/proposal.ts'
import { systemRandom } from '../../../src/core/random.ts'
import { createShopify } from '../../../src/integrations/shopify/index.ts'
import { draftFor, type KillClass } from './kill-drafts.ts'

export const standIn = (config: Config, log: Logger): ReturnType<typeof createShopify> => {
  const { address, shop, token } = JSON.parse(process.env['STAND_IN'] ?? '') as { address: string, shop: string, token: string }
  return createShopify({
    shop,
    credentials: { kind: 'token', token },
    baseUrl: address,
    source: 'sandbox',
    breakers: createBreakers(config, () => true, { clock: systemClock, log }),
    clock: systemClock,
    random: systemRandom,
    log
  })
}

export const proposer = defineAgent({
  name: 'proposer',
  description: 'Proposes one change of a class, of the n-th thing that fits.',
  input: Type.Object({ class: Type.String(), n: Type.Integer() }),
  output: Type.Object({ id: Type.String() }),
  triggers: {},
  summarise: ({ id }: { id: string }) => id,
  async run ({ ports, propose, signal, clock }: AgentContext, input: { class: KillClass, n: number }) {
    const draft: ProposalDraft = await draftFor(ports.commerce!, input.class, input.n, clock.now(), signal)
    const [filed] = await propose([draft])
    return { id: filed!.id }
  }
})
