import type { Orchestrator } from '../../core/orchestrator.ts'
import type { Responder } from '../../core/ports.ts'
// Temporary: its author is writing it.
export const createAssistant = (_system: Orchestrator, _options: { appName: string, version: string }): Responder => ({ name: 'temporary', async * respond () { yield 'Not yet.' } })
