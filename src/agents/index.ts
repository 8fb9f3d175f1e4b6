// The list of the store agents: a new one is a folder beside this file and a line here.
import type { AgentDefinition } from '../core/agent.ts'
import { orderManagement } from './order-management/index.ts'
import { pricingOptimizer } from './pricing-optimizer/index.ts'
import { watchdog } from './watchdog/index.ts'

export { createAssistant } from './assistant/index.ts'

export const agents: AgentDefinition[] = [watchdog, orderManagement, pricingOptimizer]
