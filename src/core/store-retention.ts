// What the store offers to keep itself small: look for what is old, take it away in portions. Each write is one bounded unit.

/** Tables whose oldest rows are looked for in the order of their ids, which is that of their making. */
export type Aging = 'sessions' | 'jobs' | 'events' | 'proposals'

/** Rows that may go, of a bounded number that were looked at. `last`: where to look on; null: that was the end. */
export interface OldRows {
  rows: Array<{ id: string, messages: number }>
  last: string | null
}

/** What is kept for good, by table: the record of what was decided and changed. */
export type KeptRows = Record<'audit' | 'effects' | 'effect_log' | 'proposals' | 'proposal_decisions' | 'policies' | 'freezes', number>

export interface RetentionStore {
  /**
   * Looks at up to `limit` rows behind `after` that were made before `before`; of these may go: sessions without a reply under way that were not used since
   * `idle_since`; jobs that ended before it, but the last run and the last good run of each agent, and what a proposal or an effect names; proposals
   * that expired before it without a decision and without an effect; all events. `messages`: of the session.
   */
  oldRows (args: { table: Aging, after: string, before: number, idle_since: number, limit: number }): Promise<OldRows>
  /** Those of the sessions that are still unused and without a reply. Their messages and streams are out of sight at once, and go with removeRemains. */
  removeSessions (args: { ids: string[], idle_since: number }): Promise<{ sessions: number, messages: number }>
  /** A portion of what sessions have left: messages, their finished reply jobs, streams. `more`: there is something left. */
  removeRemains (args: { limit: number }): Promise<{ messages: number, jobs: number, stream_chunks: number, more: boolean }>
  /** Those of the jobs that are still finished. */
  removeJobs (args: { ids: string[], ended_before: number }): Promise<number>
  removeEvents (args: { ids: string[] }): Promise<number>
  removeProposals (args: { ids: string[] }): Promise<number>
  /** Runs of one schedule that were due before that; with `keep` also those beyond its newest. */
  removeScheduleRuns (args: { schedule_id: string, before: number, keep: number, limit: number }): Promise<number>
  /** Stock of days before that. */
  removeStock (args: { before: string, limit: number }): Promise<number>
  /** Events of a session's stream up to that position, in whole chunks; answers how many chunks. */
  trimStream (args: { stream: string, up_to: number, limit: number }): Promise<number>
  keptRows (): Promise<KeptRows>
}
