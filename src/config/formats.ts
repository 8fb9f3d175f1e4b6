// The text formats of settings that JSON Schema has no word for: how a text is normalised, what is valid, and how that is said.
import { isIP } from 'node:net'

interface Format {
  /** Ends the sentence "NAME must be ...". */
  allowed: string
  /** Brings the spellings of one value to one text. Default: as written. Never throws: what it cannot read it returns as it is. */
  normalise?: (text: string) => string
  valid: (text: string) => boolean
}

export type FormatName = 'host' | 'url' | 'database' | 'redirect-target' | 'origin' | 'proxy' | 'shop'

export const formats: Record<FormatName, Format> = {
  host: {
    allowed: 'a host name or an IP address, without scheme and port',
    valid: (text) => isIP(text) !== 0 || /^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$/i.test(text)
  },
  // Not parsed further: the drivers of databases take more than the URL standard does, such as several hosts.
  url: {
    allowed: 'a URL of the form scheme://user:password@host:port/name',
    valid: (text) => /^[a-z][a-z0-9+.-]*:\/\/\S+$/i.test(text)
  },
  // SQLAlchemy, which the previous service used, names its driver in the scheme.
  database: {
    allowed: 'a PostgreSQL URL of the form postgres://user:password@host:port/name',
    normalise: (text) => text.replace(/^postgres(ql)?(\+\w+)?:\/\//i, 'postgres://'),
    valid: (text) => /^postgres:\/\/\S+$/.test(text) && URL.canParse(text)
  },
  // It goes into a Location header as it is: visible ASCII only, and no "//host", which would leave for another host unseen.
  'redirect-target': {
    allowed: 'a path that starts with one /, or an absolute http or https URL, in visible ASCII without backslashes',
    valid: (text) => /^[\x21-\x5b\x5d-\x7e]+$/.test(text) && (/^\/(?!\/)/.test(text) || isHttpUrl(text))
  },
  origin: {
    allowed: 'a comma list of http or https origins such as https://shop.example.com; "*" and paths are refused',
    normalise: (text) => isOrigin(text) ? new URL(text).origin : text,
    valid: isOrigin
  },
  proxy: {
    allowed: 'a comma list of IP addresses or CIDR ranges such as 10.0.0.0/8; ' +
      'true, numbers of hops and ranges of /0 are refused, because they let a caller forge its address',
    valid: isProxy
  },
  shop: {
    allowed: 'the handle of a shop or its myshopify.com address, such as my-shop or https://my-shop.myshopify.com',
    normalise: (text) => text.toLowerCase().replace(/^https?:\/\//, '').replace(/\/.*$/, '').replace(/\.myshopify\.com$/, ''),
    valid: (text) => /^[a-z0-9][a-z0-9-]*$/.test(text)
  }
}

function isHttpUrl (text: string): boolean {
  return /^https?:\/\/[^/]/i.test(text) && URL.canParse(text)
}

function isOrigin (text: string): boolean {
  if (!isHttpUrl(text) || /[\s*]/.test(text)) return false
  const url = new URL(text)
  return url.href === `${url.origin}/`
}

function isProxy (text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/')
  const version = isIP(address)
  if (version === 0 || address.includes('%') || rest.length > 0) return false
  return prefix === undefined || (/^[1-9]\d{0,2}$/.test(prefix) && Number(prefix) <= (version === 4 ? 32 : 128))
}
