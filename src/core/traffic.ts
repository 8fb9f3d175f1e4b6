// How much HTTP traffic this process has seen: counted at the edge, shown by metrics and the assistant.

export interface Traffic {
  requests: number
  /** Answers with status 400 to 499. */
  client_errors: number
  /** Answers with status 500 and above. */
  server_errors: number
}

export const createTraffic = (): Traffic => ({ requests: 0, client_errors: 0, server_errors: 0 })
