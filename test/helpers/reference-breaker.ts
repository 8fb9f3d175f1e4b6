// The circuit breaker once more, slow and obvious, written from its rules and not from src/core/breaker.ts: the model that one is checked
// against. It keeps every verdict in a list and counts anew whenever it is asked. All times are milliseconds.

export type ReferenceResult =
  | { granted: true, id: number, probe: boolean }
  | { granted: false, reason: 'open' | 'probing' | 'forced_open', retryAfterMs: number }

export type ReferenceOutcome = 'success' | 'failure' | 'throttled' | 'cancelled'

export interface ReferenceOptions {
  now: number
  base: number
  threshold: number
  slowMs: number
  jitter: () => number
  // The rules say 10 calls, 3 successes and 300 s. Other breakers, which have no such words, are held against what they have instead.
  minimumCalls?: number
  successesToClose?: number
  longestOpen?: number
}

type Phase = 'closed' | 'open' | 'half_open' | 'forced_open' | 'forced_closed'

export class ReferenceBreaker {
  phase: Phase = 'closed'
  now: number
  /** What has happened to the phase, and when. */
  log: Array<{ from: Phase, to: Phase, reason: string, moment: number }> = []
  totals = { success: 0, failure: 0, throttled: 0, cancelled: 0, rejected: 0 }
  failuresInARow = 0
  lastErrorCode: string | undefined

  // The permits that still decide something; every change of phase throws them away.
  valid = new Set<number>()
  settled = new Set<number>()
  issued = 0

  // closed and forced_closed
  verdicts: Array<{ second: number, failed: boolean, slow: boolean }> = []
  closedSince = 0
  // forced_open and forced_closed
  heldUntil = Infinity
  // open
  openUntil = 0
  openingsInARow = 0
  // half_open
  probeBegan: number | undefined
  probeSuccesses = 0

  base: number
  threshold: number
  slowMs: number
  jitter: () => number
  minimumCalls: number
  successesToClose: number
  longestOpen: number

  constructor (options: ReferenceOptions) {
    this.now = options.now
    this.base = options.base
    this.threshold = options.threshold
    this.slowMs = options.slowMs
    this.jitter = options.jitter
    this.minimumCalls = options.minimumCalls ?? 10
    this.successesToClose = options.successesToClose ?? 3
    this.longestOpen = options.longestOpen ?? 300_000
    this.closedSince = options.now
  }

  acquire (time: number): ReferenceResult {
    this.timePasses(time)
    if (this.phase === 'forced_open') {
      const left = this.heldUntil - this.now
      return this.rejected('forced_open', left < this.base ? left : this.base)
    }
    if (this.phase === 'open' && this.now < this.openUntil) return this.rejected('open', this.openUntil - this.now)
    if (this.phase === 'open') {
      this.goTo('half_open', 'probe_started', this.now)
      this.probeSuccesses = 0
      this.probeBegan = undefined
    }
    if (this.phase === 'half_open') {
      if (this.probeBegan !== undefined) {
        const left = this.probeBegan + 30_000 - this.now
        return this.rejected('probing', left < 1_000 ? left : 1_000)
      }
      this.probeBegan = this.now
      return this.permit(true)
    }
    return this.permit(false)
  }

  /** False when this permit was settled before. */
  settle (time: number, id: number, outcome: ReferenceOutcome, took: number, retryAfter = 0): boolean {
    if (this.settled.has(id)) return false
    this.settled.add(id)
    this.timePasses(time)
    this.totals[outcome] += 1

    if (!this.valid.has(id)) return true
    this.valid.delete(id)
    if (outcome === 'cancelled' || outcome === 'throttled') {
      this.probeBegan = undefined
      return true
    }

    const failed = outcome === 'failure'
    const slow = took >= this.slowMs
    this.failuresInARow = failed ? this.failuresInARow + 1 : 0
    if (failed) this.lastErrorCode = 'failure'

    if (this.phase === 'half_open') {
      this.probeBegan = undefined
      if (failed) this.openFrom(this.now, 'probe_failed', retryAfter)
      else if (slow) this.openFrom(this.now, 'probe_slow', 0)
      else {
        this.probeSuccesses += 1
        if (this.probeSuccesses === this.successesToClose) this.close('recovered', this.now)
      }
      return true
    }

    this.verdicts.push({ second: Math.floor(this.now / 1000), failed, slow })
    if (this.phase === 'forced_closed') return true
    const { calls, failures, slow: slowCalls } = this.window()
    const told = failed ? retryAfter : 0
    if (this.failuresInARow >= this.threshold) this.openFrom(this.now, 'consecutive_failures', told)
    else if (calls >= this.minimumCalls && failures / calls >= 0.5) this.openFrom(this.now, 'failure_rate', told)
    else if (calls >= this.minimumCalls && slowCalls / calls >= 0.8) this.openFrom(this.now, 'slow_rate', told)
    return true
  }

  force (time: number, hold: 'forced_open' | 'forced_closed' | undefined, lasts = Infinity): void {
    this.timePasses(time)
    const held = this.phase === 'forced_open' || this.phase === 'forced_closed'
    if (hold === undefined && !held) return
    this.heldUntil = this.now + lasts
    if (hold === this.phase) return
    if (hold === undefined) this.close('released', this.now)
    else this.goTo(hold, 'forced', this.now)
    this.forgetAll()
  }

  reset (time: number): void {
    this.timePasses(time)
    this.close('reset', this.now)
    this.forgetAll()
  }

  read (time: number) {
    this.timePasses(time)
    const due = this.phase === 'open' && this.now >= this.openUntil
    const shown = due ? 'half_open' : this.phase
    const codes = { closed: 0, open: 1, half_open: 2, forced_closed: 3, forced_open: 4 }
    const forgiven = this.phase === 'closed' && this.now - this.closedSince >= 60_000
    let nextProbeInMs: number | undefined
    if (this.phase === 'open') nextProbeInMs = due ? 0 : Math.ceil(this.openUntil - this.now)
    if (this.phase === 'half_open' && this.probeBegan === undefined) nextProbeInMs = 0
    return {
      state: shown,
      stateCode: codes[shown],
      window: { ...this.window(), seconds: 10 },
      consecutiveFailures: this.failuresInARow,
      openings: forgiven ? 0 : this.openingsInARow,
      nextProbeInMs,
      lastErrorCode: this.lastErrorCode,
      totals: { ...this.totals }
    }
  }

  window () {
    const second = Math.floor(this.now / 1000)
    const recent = this.verdicts.filter((verdict) => second - verdict.second < 10)
    return {
      calls: recent.length,
      failures: recent.filter((verdict) => verdict.failed).length,
      slow: recent.filter((verdict) => verdict.slow).length
    }
  }

  timePasses (time: number): void {
    if (time > this.now) this.now = time
    const held = this.phase === 'forced_open' || this.phase === 'forced_closed'
    if (held && this.now >= this.heldUntil) {
      this.close('expired', this.heldUntil)
      this.forgetAll()
    }
    if (this.phase !== 'half_open' || this.probeBegan === undefined) return
    const limit = this.probeBegan + 30_000
    if (this.now < limit) return
    this.failuresInARow += 1
    this.lastErrorCode = 'probe_timeout'
    this.openFrom(limit, 'probe_timeout', 0)
  }

  openFrom (moment: number, reason: string, retryAfter: number): void {
    if (this.phase === 'closed' && moment - this.closedSince >= 60_000) this.openingsInARow = 0
    this.openingsInARow += 1
    let length = this.base
    for (let i = 1; i < this.openingsInARow; i++) length *= 2
    if (length > this.longestOpen) length = this.longestOpen
    // From 80 % to 120 %, in whole milliseconds.
    length = Math.round(length * (0.8 + 0.4 * this.jitter()))
    if (retryAfter > length) length = retryAfter
    this.openUntil = moment + length
    this.goTo('open', reason, moment)
  }

  close (reason: string, moment: number): void {
    this.goTo('closed', reason, moment)
    this.closedSince = moment
    this.verdicts = []
  }

  // What a hold and a reset leave behind: nothing of before counts.
  forgetAll (): void {
    this.verdicts = []
    this.failuresInARow = 0
    this.openingsInARow = 0
  }

  goTo (phase: Phase, reason: string, moment: number): void {
    if (phase !== this.phase) this.log.push({ from: this.phase, to: phase, reason, moment })
    this.phase = phase
    this.probeBegan = undefined
    this.valid.clear()
  }

  permit (probe: boolean): ReferenceResult {
    const id = this.issued++
    this.valid.add(id)
    return { granted: true, id, probe }
  }

  rejected (reason: 'open' | 'probing' | 'forced_open', waitMs: number): ReferenceResult {
    this.totals.rejected += 1
    return { granted: false, reason, retryAfterMs: Math.ceil(waitMs) }
  }
}
