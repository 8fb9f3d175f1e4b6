// The door of the shared HTTP client.
export { createAgent, createHttpClient, type HttpAnswer, type HttpClient, type HttpClientOptions, type HttpRequest } from './client.ts'
export { namesPrivateHost } from './addresses.ts'
export { UpstreamError } from './errors.ts'
export { retryAfterMs } from './retry-after.ts'
