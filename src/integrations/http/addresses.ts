// Which addresses may be called: public ones, unless the configuration names a private one. Checked where the connection is made, so that a
// name cannot point elsewhere between the check and the call.
import { lookup, type LookupAddress } from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import ipaddr from 'ipaddr.js'

/** Refused by our own rule; nothing was sent. */
class ForbiddenAddressError extends Error {
  readonly code = 'upstream_forbidden_host'
}

/** True for what everybody can reach: no private, loopback, link-local, shared, multicast, documentation or reserved address. */
export const isPublicAddress = (address: string): boolean => {
  if (!ipaddr.isValid(address)) return false
  // ::ffff:10.0.0.1 is 10.0.0.1.
  return ipaddr.process(address).range() === 'unicast'
}

/** Strips the brackets of an IPv6 host. */
const bare = (hostname: string): string => hostname.replace(/^\[(.*)\]$/, '$1')

/** True for a host that is an address of its own network, or the name of this machine. Other names are judged by what they resolve to. */
export const namesPrivateHost = (hostname: string): boolean => {
  const host = bare(hostname)
  return isIP(host) > 0 ? !isPublicAddress(host) : host === 'localhost' || host.endsWith('.localhost')
}

type Resolve = (hostname: string, options: { all: true, family?: number }, done: (error: Error | null, addresses: LookupAddress[]) => void) => void

/** A lookup for `net.connect` that fails for a name with any address that is not public. */
export const publicLookup = (resolve: Resolve = lookup as Resolve): LookupFunction => (hostname, options, callback) => {
  const family = options.family === 4 || options.family === 6 ? { family: options.family } : {}
  resolve(hostname, { all: true, ...family }, (error, addresses) => {
    if (error !== null) return callback(error, '', 0)
    const first = addresses[0]
    if (first === undefined || addresses.some(({ address }) => !isPublicAddress(address))) {
      return callback(new ForbiddenAddressError(`${hostname} has an address that is not public`), '', 0)
    }
    if (options.all === true) return callback(null, addresses)
    callback(null, first.address, first.family)
  })
}

/** @throws ForbiddenAddressError for a literal address that is not public: no lookup is made for those. */
export const assertPublicHost = (hostname: string): void => {
  if (namesPrivateHost(hostname)) throw new ForbiddenAddressError(`${bare(hostname)} is not a public address`)
}
