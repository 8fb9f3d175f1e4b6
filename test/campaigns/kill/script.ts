// What the scripted parts say, known to the server that says it and to the check that reads it.

const PIECES = 6
const AGENTS = 4

/** Every agent works on one job at a time: several of them keep the queue moving. */
export const probeAgents = Array.from({ length: AGENTS }, (_, index) => ({ name: `probe_${index}`, event: `probe.${index}` }))

export const replyPieces = (content: string): string[] => Array.from({ length: PIECES }, (_, index) => `${index + 1}. ${content}\n`)

export const probeOutput = (n: number): { n: number, square: number } => ({ n, square: n * n })
