// The door of the shared HTTP client.
export { checkedUrl, createAgent, createHttpClient, type HttpAnswer, type HttpClient, type HttpClientOptions, type HttpRequest } from './client.ts'
export { assertPublicHost, namesPrivateHost, publicLookup } from './addresses.ts'
export { UpstreamError } from './errors.ts'
export { retryAfterMs } from './retry-after.ts'
