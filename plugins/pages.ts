// HTML pages for people with a browser: the frame, and the page of an error.
import type { ErrorBody } from './error-body.ts'

/** Of every page that we write ourselves. No inline script or style: both are files. */
export const PAGE_CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (character) => ENTITIES[character]!)

export const errorPage = (body: ErrorBody): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${body.status_code} ${escapeHtml(body.error)}</title>
<link rel="stylesheet" href="/assets/page.css">
</head>
<body>
<main>
<h1>${body.status_code} ${escapeHtml(body.error)}</h1>
<p>${escapeHtml(body.message)}</p>
<dl><dt>Path</dt><dd><code>${escapeHtml(body.path)}</code></dd><dt>Request id</dt><dd><code>${escapeHtml(body.request_id)}</code></dd></dl>
<p><a href="/">Start page</a> · <a href="/docs">API reference</a></p>
</main>
</body>
</html>
`
