// A self-signed certificate for a host that we are not, written in DER by hand: Node makes keys and signatures, but no certificates.
import { generateKeyPairSync, sign } from 'node:crypto'

export interface Certificate {
  /** PEM. Clients that trust it still have to refuse it: its host is another one. */
  cert: string
  key: string
}

/** Reserved by RFC 2606: it can never be the name of a real host. */
export const WRONG_HOST = 'another-host.invalid'

const DAY_MS = 86_400_000

/** Valid from a day before `now` for 30 days. */
export const createCertificate = (now: number): Certificate => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const ecdsaWithSha256 = sequence(oid(1, 2, 840, 10045, 4, 3, 2))
  const name = sequence(set(sequence(oid(2, 5, 4, 3), utf8(WRONG_HOST))))
  const extensions = sequence(
    // Basic constraints: CA, so that it can be put in a list of trusted authorities.
    sequence(oid(2, 5, 29, 19), boolean(true), octets(sequence(boolean(true)))),
    // Alternative names: dNSName has the tag [2].
    sequence(oid(2, 5, 29, 17), octets(sequence(tlv(0x82, Buffer.from(WRONG_HOST, 'ascii')))))
  )
  const unsigned = sequence(
    tlv(0xA0, integer(2)),
    integer(1),
    ecdsaWithSha256,
    name,
    sequence(time(now - DAY_MS), time(now + 29 * DAY_MS)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    tlv(0xA3, extensions)
  )
  const der = sequence(unsigned, ecdsaWithSha256, bits(sign('sha256', unsigned, privateKey)))
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replace(/.{64}/g, '$&\n').trimEnd()}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  }
}

const tlv = (tag: number, ...contents: Buffer[]): Buffer => {
  const content = Buffer.concat(contents)
  const { length } = content
  const head = length < 0x80 ? [tag, length] : length < 0x100 ? [tag, 0x81, length] : [tag, 0x82, length >> 8, length & 0xFF]
  return Buffer.concat([Buffer.from(head), content])
}

const sequence = (...contents: Buffer[]): Buffer => tlv(0x30, ...contents)
const set = (...contents: Buffer[]): Buffer => tlv(0x31, ...contents)
const octets = (content: Buffer): Buffer => tlv(0x04, content)
const bits = (content: Buffer): Buffer => tlv(0x03, Buffer.of(0), content)
const utf8 = (text: string): Buffer => tlv(0x0C, Buffer.from(text))
const boolean = (value: boolean): Buffer => tlv(0x01, Buffer.of(value ? 0xFF : 0))
const integer = (value: number): Buffer => tlv(0x02, Buffer.of(value))

/** UTCTime: YYMMDDhhmmssZ. */
const time = (ms: number): Buffer => tlv(0x17, Buffer.from(new Date(ms).toISOString().replace(/^..|[-:T]|\.\d+/g, ''), 'ascii'))

const oid = (first: number, second: number, ...rest: number[]): Buffer =>
  tlv(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]))

const base128 = (value: number): number[] => {
  const digits = [value & 0x7F]
  for (let left = value >> 7; left > 0; left >>= 7) digits.unshift((left & 0x7F) | 0x80)
  return digits
}
