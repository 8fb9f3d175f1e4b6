// Takes secrets out of text that people or files will see: log lines, and what a failed job says of its failure.

export type Scrubber = (text: string) => string

const REDACTED = '[redacted]'
/** Keys whose values are secrets wherever they come from, in a line of JSON. */
const SECRET_KEYS = /("[\w-]*(?:token|secret|password|api_?key|authorization|cookie)[\w-]*":)"(?:[^"\\]|\\.)*"/gi
/** Credentials by their looks: bearer tokens, our own keys, those of Shopify, OpenAI, GitHub and Google. */
const SECRET_SHAPES =
  /\b(?:reo_[\w-]{20,}|Bearer\s+[\w.~+/=-]+|shp(?:at|ca|pa|ss|tka)_\w+|sk-[\w-]{16,}|gh[pousr]_\w+|github_pat_\w+|ya29\.[\w.-]+|GOCSPX-[\w-]+)/g
/** Up to its end, or to that of the text where it was cut: inside a line of JSON its line ends stand escaped. */
const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----(?:[\w+/=\s-]|\\[nr])*/g

const MAY_NAME_A_SECRET = /token|secret|password|api_?key|authorization|cookie/i
const MAY_LOOK_LIKE_ONE = /reo_|Bearer|shp|sk-|gh[pousr]_|github_pat_|ya29\.|GOCSPX-|PRIVATE KEY-----/

/** Replaces the configured secrets and whatever looks like one, in text that is about to be written. */
export const createScrubber = (secrets: string[]): Scrubber => {
  // Inside a line of JSON a secret stands escaped.
  const known = [...new Set(secrets.flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1)]))].sort((a, b) => b.length - a.length)
  return (text) => {
    // Nearly every line passes here: two quick looks instead of two replacements.
    let clean = text
    for (const secret of known) if (clean.includes(secret)) clean = clean.replaceAll(secret, REDACTED)
    if (MAY_NAME_A_SECRET.test(clean)) clean = clean.replace(SECRET_KEYS, `$1"${REDACTED}"`)
    return MAY_LOOK_LIKE_ONE.test(clean) ? clean.replace(SECRET_SHAPES, REDACTED).replace(PRIVATE_KEY, REDACTED) : clean
  }
}
