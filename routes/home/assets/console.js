// The start page: what is going on, what waits for a decision, what was changed, and a conversation with the assistant.
import { refreshBrief } from './brief.js'
import './chat.js'
import { refreshEffects } from './effects.js'
import { refreshFreezes } from './freezes.js'
import { follow } from './live.js'
import { show } from './page.js'
import { refreshProposals } from './proposals.js'
import { refreshAgents, refreshBreakers, refreshChecks, refreshJobs, refreshService } from './service.js'

const REFRESH_EVERY_MS = 10_000

const everything = [
  refreshService, refreshBrief, refreshFreezes, refreshProposals, refreshEffects, refreshChecks, refreshAgents, refreshJobs, refreshBreakers
]
// What no event tells of: figures that age by themselves, and freezes that begin and end by the calendar.
const ageing = [refreshService, refreshFreezes, refreshChecks, refreshAgents, refreshJobs, refreshBreakers]

follow({
  open: everything,
  // Some events are not stored any more.
  gap: everything,
  proposal: [refreshProposals, refreshBrief, refreshEffects],
  freeze: [refreshFreezes, refreshBrief],
  jobs: [refreshJobs, refreshAgents, refreshEffects, refreshBrief],
  agent: [refreshAgents, refreshBrief],
  breaker: [refreshBreakers, refreshChecks, refreshBrief]
})

setInterval(() => {
  if (!document.hidden) for (const node of document.querySelectorAll('time[datetime]')) if (!node.hidden) show(node, node.dateTime)
}, 1_000)
setInterval(() => { if (!document.hidden) for (const refresh of ageing) refresh() }, REFRESH_EVERY_MS)

for (const refresh of everything) refresh()
