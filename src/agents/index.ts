// The list of the store agents: a new one is a folder beside this file and a line here.
import type { AgentDefinition } from '../core/agent.ts'
import { analytics } from './analytics/index.ts'
import { customerSupport } from './customer-support/index.ts'
import { inventoryForecasting } from './inventory-forecasting/index.ts'
import { marketingAutomation } from './marketing-automation/index.ts'
import { orderManagement } from './order-management/index.ts'
import { pricingOptimizer } from './pricing-optimizer/index.ts'
import { productResearch } from './product-research/index.ts'
import { recommendation } from './recommendation/index.ts'
import { watchdog } from './watchdog/index.ts'

export { createAssistant } from './assistant/index.ts'

export const agents: AgentDefinition[] = [
  analytics,
  customerSupport,
  inventoryForecasting,
  marketingAutomation,
  orderManagement,
  pricingOptimizer,
  productResearch,
  recommendation,
  watchdog
]
