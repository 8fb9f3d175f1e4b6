// What a model says, as it can be stored and sent alike: no NUL and no half of a character, also where a server cuts one in two.

export interface StorableText {
  /** The piece, with what was held back before it and without a last half that the next piece may complete. Can be empty. */
  next (piece: string): string
  /** What is still held back when no more text follows. */
  rest (): string
}

const REPLACEMENT = '\ufffd'

export const createStorableText = (): StorableText => {
  let half = ''
  return {
    next (piece) {
      const text = half + piece
      const end = isHighSurrogate(text.charCodeAt(text.length - 1)) ? text.length - 1 : text.length
      half = text.slice(end)
      // The database would keep another text than the stream told.
      return text.slice(0, end).replaceAll('\0', REPLACEMENT).toWellFormed()
    },
    rest () {
      const rest = half === '' ? '' : REPLACEMENT
      half = ''
      return rest
    }
  }
}

const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff
