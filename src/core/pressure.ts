// Whether this process is late with everything: how far a timer comes behind its time. One pause is none; most of the last five samples have to say so.

const SAMPLES = 5

export class Pressure {
  readonly #limitMs: number
  readonly #samples: number[] = []

  /** `limitMs`: from this lateness on. */
  constructor (limitMs: number) { this.#limitMs = limitMs }

  note (latenessMs: number): void {
    this.#samples.push(latenessMs)
    if (this.#samples.length > SAMPLES) this.#samples.shift()
  }

  get isHigh (): boolean {
    return this.#samples.filter((lateness) => lateness > this.#limitMs).length > SAMPLES / 2
  }
}
