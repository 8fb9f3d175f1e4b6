// The store cannot be opened where it should be.

export class StoreUnusableError extends Error {
  /** `message`: for whoever starts the program, with what to do about it. */
  constructor (message: string, cause: unknown) {
    super(message, { cause })
    this.name = 'StoreUnusableError'
  }
}

/** Nobody works on half a store. */
export class UnfinishedCopyError extends StoreUnusableError {
  constructor (place: string) {
    super(`${place} holds a copy of another store that was not finished: run the same \`npm run migrate-store\` again, it goes on where it stopped.`, undefined)
    this.name = 'UnfinishedCopyError'
  }
}
