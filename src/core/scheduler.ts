// Turns due instants of schedules into jobs: each instant once, missed ones as one run, never two runs of a schedule at once.
import type { AgentRegistry } from './agent.ts'
import { newAgentJob } from './agent-runs.ts'
import type { Clock } from './clock.ts'
import { faultOf } from './check.ts'
import { firstDue, latestDue, nextDue } from './cron.ts'
import { AppError } from './errors.ts'
import type { Logger } from './log.ts'
import type { Json, Page, Schedule, ScheduleRun } from './model.ts'
import type { PageRequest, ScheduleChange, Store } from './store.ts'

export interface SchedulerOptions {
  store: Store
  agents: AgentRegistry
  clock: Clock
  log: Logger
}

// Looks at the schedules at least this often: the wall clock may jump, and another replica may have changed them.
const LOOK_AT_LEAST_EVERY_MS = 30_000

export class Scheduler {
  readonly #options: SchedulerOptions
  #timer: unknown
  #active = false
  #looking: Promise<void> | undefined
  #again = false

  constructor (options: SchedulerOptions) {
    this.#options = options
    options.store.subscribe((notice) => { if (notice.plans) this.#look() })
  }

  /** Writes the schedules of the agents' code to the store. Runs also where background work is off, so that lists tell the truth. */
  async sync (): Promise<void> {
    const { agents, clock, store } = this.#options
    const now = clock.now()
    const schedules = agents.list().flatMap((agent): Schedule[] => {
      const trigger = agent.triggers.schedule
      if (trigger === undefined) return []
      const timezone = trigger.timezone ?? 'UTC'
      return [{
        id: agent.name,
        agent: agent.name,
        cron: trigger.cron,
        timezone,
        input: {},
        paused: false,
        built_in: true,
        next_due_at: nextDue(trigger.cron, timezone, now),
        last_due_at: null,
        created_at: now,
        updated_at: now
      }]
    })
    await store.syncSchedules({ schedules, now })
  }

  start (): void {
    this.#active = true
    this.#look()
  }

  async stop (): Promise<void> {
    this.#active = false
    this.#options.clock.clearTimeout(this.#timer)
    await this.#looking
  }

  list (): Promise<Schedule[]> { return this.#options.store.listSchedules() }

  /** @throws AppError `schedule_not_found` */
  async get (id: string): Promise<Schedule> {
    const schedule = await this.#options.store.getSchedule(id)
    if (schedule === undefined) throw new AppError('schedule_not_found')
    return schedule
  }

  async runs (id: string, page: PageRequest): Promise<Page<ScheduleRun>> {
    await this.get(id)
    return this.#options.store.listScheduleRuns(id, page)
  }

  /** @throws AppError `agent_not_found`, `invalid_schedule`, `schedule_exists` */
  async create (args: { id: string, agent: string, cron: string, timezone: string, input: Json }): Promise<Schedule> {
    const now = this.#options.clock.now()
    await this.#checkInput(args.agent, args.input)
    const schedule: Schedule = {
      ...args,
      paused: false,
      built_in: false,
      next_due_at: firstDue(args.cron, args.timezone, now),
      last_due_at: null,
      created_at: now,
      updated_at: now
    }
    if (!await this.#options.store.saveSchedule(schedule, 'insert')) throw new AppError('schedule_exists')
    return schedule
  }

  /**
   * A resumed schedule starts with its next instant: what passed during the pause is not made up for.
   * @throws AppError `schedule_not_found`, `invalid_schedule`, `invalid_input`
   */
  async change (id: string, change: ScheduleChange): Promise<Schedule> {
    const now = this.#options.clock.now()
    const old = await this.get(id)
    if (change.input !== undefined) await this.#checkInput(old.agent, change.input)
    // Merged inside the write: two changes at once both count.
    const schedule = await this.#options.store.changeSchedule({ id, change, now })
    if (schedule === undefined) throw new AppError('schedule_not_found')
    return schedule
  }

  /** @throws AppError `schedule_not_found`, `schedule_is_built_in` */
  async remove (id: string): Promise<void> {
    if ((await this.get(id)).built_in) throw new AppError('schedule_is_built_in')
    await this.#options.store.deleteSchedule(id)
  }

  /** @throws AppError `agent_not_found`, `invalid_input` */
  async #checkInput (name: string, input: Json): Promise<void> {
    const fault = await faultOf(this.#options.agents.get(name).input, input)
    if (fault !== undefined) throw new AppError('invalid_input', { message: `The input does not fit the schema of the agent: ${fault}.` })
  }

  #look (): void {
    if (!this.#active) return
    if (this.#looking !== undefined) {
      this.#again = true
      return
    }
    this.#looking = this.#fireDue()
      .catch((error: unknown) => {
        this.#options.log.error({ err: error }, 'could not look at the schedules')
        return this.#options.clock.now() + 1_000
      })
      .then((next) => {
        this.#looking = undefined
        if (!this.#active) return
        if (this.#again) {
          this.#again = false
          this.#look()
          return
        }
        const { clock } = this.#options
        clock.clearTimeout(this.#timer)
        this.#timer = clock.setTimeout(() => { this.#look() }, Math.min(LOOK_AT_LEAST_EVERY_MS, Math.max(0, next - clock.now())))
      })
  }

  /** Answers the next due instant of all. */
  async #fireDue (): Promise<number> {
    const { store, clock } = this.#options
    let next = Infinity
    for (const schedule of await store.listSchedules()) {
      if (schedule.paused || schedule.next_due_at === null) continue
      const due = schedule.next_due_at <= clock.now() ? await this.#fire(schedule, schedule.next_due_at).catch(this.#unfired) : schedule.next_due_at
      if (due !== null && due < next) next = due
    }
    return next
  }

  /** One schedule that cannot be fired does not hold up those behind it. */
  readonly #unfired = (error: unknown): number => {
    this.#options.log.error({ err: error }, 'a schedule could not be fired')
    return this.#options.clock.now() + 1_000
  }

  async #fire (schedule: Schedule, expected: number): Promise<number | null> {
    const { store, agents, clock, log } = this.#options
    const now = clock.now()
    const { due_at: dueAt, missed } = latestDue(schedule.cron, schedule.timezone, expected, now)
    const next = nextDue(schedule.cron, schedule.timezone, now)
    if (!agents.has(schedule.agent)) {
      log.warn({ schedule: schedule.id, agent: schedule.agent }, 'a schedule names an agent that does not exist')
      return next
    }
    const job = newAgentJob({
      agent: agents.get(schedule.agent), input: schedule.input, kind: 'agent', source: `schedule:${schedule.id}`, now
    })
    const outcome = await store.fireSchedule({
      id: schedule.id, due_at: dueAt, expected_due_at: expected, next_due_at: next, missed, now, job
    })
    if (outcome === 'skipped_overlap') {
      log.warn({ schedule: schedule.id, due_at: new Date(dueAt).toISOString() }, 'a due instant was skipped: the run before it is not finished')
    }
    if (missed > 0) log.warn({ schedule: schedule.id, missed }, 'instants were missed while nobody could fire them; they run once')
    return next
  }
}
