// The list of the store agents: a new one is a folder beside this file and a line here.
import type { AgentDefinition } from '../core/agent.ts'
import { inventoryForecasting } from './inventory-forecasting/index.ts'
import { watchdog } from './watchdog/index.ts'

export { createAssistant } from './assistant/index.ts'

export const agents: AgentDefinition[] = [watchdog, inventoryForecasting]
