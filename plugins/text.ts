// Text that can be stored and read back unchanged.

/** False for NUL (databases cut or refuse it) and lone surrogates (UTF-8 cannot hold them). */
export const isStorable = (text: string): boolean => text.isWellFormed() && !text.includes('\0')
