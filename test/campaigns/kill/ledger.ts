// What the server has acknowledged, as its clients remember it. Only an answer that was read to its end counts.

export interface Ledger {
  /** By id: what was sent. */
  messages: Map<string, { session: string, content: string, job: string }>
  events: Map<string, { type: string, n: number }>
  /** Jobs of messages, of events and of agent runs. */
  jobs: Set<string>
  sessions: Set<string>
  /** Requests without an answer: their connection broke. What they asked for may or may not have happened. */
  unanswered: number
  /** Answers that are neither 2xx nor a refusal that the contract allows here. */
  unexpected: string[]
}

export const createLedger = (): Ledger => ({
  messages: new Map(), events: new Map(), jobs: new Set(), sessions: new Set(), unanswered: 0, unexpected: []
})

export const acknowledgements = ({ messages, events, jobs, sessions }: Ledger): number =>
  messages.size + events.size + jobs.size + sessions.size
