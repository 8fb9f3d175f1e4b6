// The store cannot be opened where it should be.

export class StoreUnusableError extends Error {
  /** `message`: for whoever starts the program, with what to do about it. */
  constructor (message: string, cause: unknown) {
    super(message, { cause })
    this.name = 'StoreUnusableError'
  }
}
