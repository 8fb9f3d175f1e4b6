// The owner's lists over HTTP: taken as CSV, read back as JSON and CSV, refused with the number of the line, every change in the audit.
import t, { type Test } from 'tap'
import { parseFeed } from '../src/core/feeds/csv.ts'
import { buildTestApp } from './helpers/app.ts'
import { asker, type Answer, type Question } from './helpers/api-document.ts'

const { app } = await buildTestApp(t)
const { ask } = await asker(app)

const put = (url: string, payload: string | Buffer, type = 'text/csv'): Question => ({ method: 'PUT', url, payload, headers: { 'content-type': type } })
const csvOf = (url: string): Question => ({ url, headers: { accept: 'text/csv' } })
const refused = (t: Test, answer: Answer, status: number, code: string, message?: RegExp): void => {
  t.match(answer, { statusCode: status, data: { code, status_code: status, ...(message === undefined ? {} : { message }) } })
}

t.test('a list is taken, told of, read back in both forms, replaced and taken away; the audit knows', async (t) => {
  for (const prefix of ['', '/api']) {
    const url = `${prefix}/feeds/suppliers`
    t.match((await ask(t, { url: `${prefix}/feeds` })).data, {
      total: 0,
      feeds: [
        { name: 'competitor_prices', received_at: null, rows: null, columns: null, required_columns: ['sku', 'price', 'currency', 'observed_at'], actor: null },
        { name: 'suppliers', required_columns: ['sku', 'lead_time_days'] },
        { name: 'product_candidates', required_columns: ['title', 'unit_cost', 'currency'] }
      ]
    })
    refused(t, await ask(t, { url }), 404, 'feed_not_found')
    refused(t, await ask(t, csvOf(url)), 404, 'feed_not_found')

    const first = await ask(t, put(url, '\uFEFFSKU; Lead_Time_Days ;Supplier;;\r\nA-1;14;"Nord; ""Sattlerei"""\r\n\r\n;;\r\nA-2;21\r\n A-3 ; 7 ;Süd;;\r\n'))
    t.match(first, { statusCode: 200, data: { name: 'suppliers', rows: 3, columns: ['sku', 'lead_time_days', 'supplier'], actor: 'api', received_at: /Z$/ } })
    t.match((await ask(t, { url: `${prefix}/feeds` })).data, { total: 1, feeds: [{}, { rows: 3, received_at: first.data.received_at }] })
    const rows = [
      { sku: 'A-1', lead_time_days: '14', supplier: 'Nord; "Sattlerei"' }, { sku: 'A-2', lead_time_days: '21', supplier: '' },
      { sku: 'A-3', lead_time_days: '7', supplier: 'Süd' }
    ]
    const read = await ask(t, { url })
    t.match(read.data, { name: 'suppliers', total: 3, next_cursor: null, columns: ['sku', 'lead_time_days', 'supplier'] })
    t.strictSame(read.data.rows, rows)
    t.same(await app.orchestrator.feeds.get('suppliers'), {
      name: 'suppliers', received_at: Date.parse(first.data.received_at), columns: ['sku', 'lead_time_days', 'supplier'], rows
    })
    const csv = await ask(t, csvOf(url))
    t.match(csv, { statusCode: 200, headers: { 'content-type': /^text\/csv/, 'content-disposition': 'attachment; filename="suppliers.csv"' } })
    t.equal(csv.body, 'sku,lead_time_days,supplier\r\nA-1,14,"Nord; ""Sattlerei"""\r\nA-2,21,\r\nA-3,7,Süd\r\n')
    t.equal((await ask(t, put(url, csv.body))).data.rows, 3, 'what is given out is taken again')
    t.equal((await ask(t, csvOf(url))).body, csv.body)

    t.equal((await ask(t, { method: 'DELETE', url })).statusCode, 204)
    refused(t, await ask(t, { method: 'DELETE', url }), 404, 'feed_not_found')
    t.equal(await app.orchestrator.feeds.get('suppliers'), undefined)
    const { audit } = (await ask(t, { url: `${prefix}/audit?target=feed:suppliers&limit=3` })).data
    t.match(audit, [
      { action: 'delete_feed', actor: 'api', target: 'feed:suppliers', request_id: /\S/, before: { rows: 3 }, after: null },
      { action: 'replace_feed', before: { rows: 3 }, after: { rows: 3 } },
      { action: 'replace_feed', before: null, after: { rows: 3, columns: ['sku', 'lead_time_days', 'supplier'], received_at: first.data.received_at } }
    ])
  }
})

t.test('a list that cannot be read is refused whole, with the number of the line', async (t) => {
  const good = 'sku,lead_time_days\nA-1,14\n'
  t.equal((await ask(t, put('/feeds/suppliers', good))).statusCode, 200)
  const cases: Array<[string, string, RegExp]> = [
    ['nothing', '', /is empty/],
    ['only blank lines', '\n \n', /is empty/],
    ['a column is missing', 'sku,price\nA-1,9\n', /Line 1 .*does not name lead_time_days\./],
    ['a column without a name', 'sku,,lead_time_days\n', /Line 1 .*column 2 has no name/],
    ['the same column twice', 'sku,lead_time_days,SKU\n', /Line 1 .*columns 1 and 3 have the same name/],
    ['a long name', `sku,lead_time_days,${'x'.repeat(65)}\n`, /Line 1 .*column 3/],
    ['too many columns', `sku,lead_time_days,${Array.from({ length: 49 }, (_, index) => `c${index}`).join(',')}\n`, /Line 1 .*at most 50 columns/],
    ['a cell too many', `${good}A-2,1,2\n`, /Line 3 .*3 cells, but the header names 2/],
    ['a quote that does not end', `${good}A-2,1\n"A-3,2\nA-4,3\n`, /Line \d .*does not end/],
    ['something behind a quote', `${good}"A-2"x,1\n`, /Line 3 .*follows the end of a quoted cell/],
    ['a quote in the middle', `${good}A"2,1\n`, /Line 3 .*stands inside a cell/],
    ['too many rows', `${good}${'A-2,1\n'.repeat(100_000)}`, /Line 100002 .*at most 100000 rows/]
  ]
  for (const [what, payload, message] of cases) {
    const answer = await ask(t, put('/feeds/suppliers', payload))
    refused(t, answer, 400, 'invalid_feed', message)
    t.notMatch(answer.data.message, /A-\d/, `${what}: cells are not quoted`)
  }
  t.equal((await ask(t, csvOf('/feeds/suppliers'))).body, good.replaceAll('\n', '\r\n'), 'the list before is still there')
  t.equal((await ask(t, put('/feeds/suppliers', 'sku,lead_time_days\n'))).data.rows, 0, 'a list of none is a list')
  t.same((await ask(t, { url: '/feeds/suppliers' })).data.rows, [])

  for (const [what, bytes] of [
    ['invalid UTF-8', Buffer.from('sku,lead_time_days\nA-\xff,1\n', 'latin1')],
    ['a surrogate written as UTF-8', Buffer.from([...Buffer.from('sku,lead_time_days\n'), 0xed, 0xa0, 0xbd, 0x0a])],
    ['NUL', Buffer.from('sku,lead_time_days\nA\0,1\n')],
    ['UTF-16', Buffer.from('sku,lead_time_days\n', 'utf16le')]
  ] as const) {
    t.match(await ask(t, put('/feeds/suppliers', bytes)), { statusCode: 400, data: { code: 'malformed_text' } }, what)
  }
})

t.test('the body is CSV here, and JSON everywhere else', async (t) => {
  const csv = 'sku,lead_time_days\nA-1,14\n'
  for (const type of ['text/csv', 'TEXT/CSV; charset=UTF-8', 'text/csv;header=present;charset="utf-8"']) {
    t.equal((await ask(t, put('/feeds/suppliers', csv, type))).statusCode, 200, type)
  }
  for (const type of ['application/json', 'text/plain', 'text/csv; charset=latin1', 'text/csvx']) {
    refused(t, await ask(t, put('/feeds/suppliers', csv, type)), 415, 'unsupported_media_type', /text\/csv/)
  }
  refused(t, await ask(t, put('/feeds/suppliers', csv, 'garbage')), 415, 'unsupported_media_type')
  refused(t, await ask(t, { method: 'POST', url: '/events', payload: csv, headers: { 'content-type': 'text/csv' } }), 415, 'unsupported_media_type')
  refused(t, await ask(t, put('/feeds/prices', csv)), 404, 'feed_not_found', /competitor_prices, suppliers, product_candidates/)
  t.match(await ask(t, { method: 'POST', url: '/feeds/suppliers' }), { statusCode: 405, headers: { allow: 'DELETE, GET, HEAD, PUT' } })

  const row = (bytes: number): string => `${'x'.repeat(bytes - 4)},14\n`
  const header = 'sku,lead_time_days\n'
  const limit = 5 * 1024 * 1024
  refused(t, await ask(t, put('/feeds/suppliers', header + row(limit - header.length + 1))), 413, 'payload_too_large')
  t.equal((await ask(t, put('/feeds/suppliers', header + row(limit - header.length)))).statusCode, 200, 'at the limit')
})

t.test('rows in pages, which join up and belong to one version of the list', async (t) => {
  const csv = (count: number): string => `title,unit_cost,currency\n${Array.from({ length: count }, (_, index) => `Thing ${index},1.50,EUR\n`).join('')}`
  const url = '/feeds/product_candidates'
  await ask(t, put(url, csv(1_234)))
  for (const limit of [7, 500, 617, 1_000]) {
    const titles: string[] = []
    let cursor = ''
    do {
      const { data } = await ask(t, { url: `${url}?limit=${limit}${cursor}` })
      titles.push(...data.rows.map((row: { title: string }) => row.title))
      t.ok(data.rows.length <= limit && data.total === 1_234)
      cursor = data.next_cursor === null ? '' : `&cursor=${data.next_cursor}`
    } while (cursor !== '')
    t.same(titles, Array.from({ length: 1_234 }, (_, index) => `Thing ${index}`), `${limit} at a time`)
  }
  const { next_cursor: cursor } = (await ask(t, { url })).data
  await ask(t, put(url, csv(300)))
  refused(t, await ask(t, { url: `${url}?cursor=${cursor}` }), 400, 'invalid_cursor')
  refused(t, await ask(t, { url: `${url}?cursor=nonsense` }), 400, 'invalid_cursor')
  refused(t, await ask(t, { url: `${url}?limit=0` }), 400, 'validation_failed')
})

t.test('a list that is replaced while it is read is not mixed with the next one', async (t) => {
  const { feeds } = app.orchestrator
  const author = { actor: 'test', request_id: 'r-1' }
  const list = (cell: string) => Buffer.from(`sku,lead_time_days\n${`${cell},1\n`.repeat(1_500)}`)
  await feeds.replace('suppliers', list('old'), author)
  const lines = (await feeds.csv('suppliers'))[Symbol.asyncIterator]()
  await lines.next()
  t.match((await lines.next()).value, /^old,1/)
  await feeds.replace('suppliers', list('new'), author)
  await t.rejects(lines.next(), { code: 'feed_replaced' })
})

t.test('a long list keeps nobody waiting', async (t) => {
  const bytes = Buffer.from(`sku,price,currency,observed_at\n${'RE-SAD-001-M,129.95,EUR,2026-11-24T09:00:00Z\n'.repeat(50_000)}`)
  let turns = 0
  let counting = true
  const count = (): void => {
    turns += 1
    if (counting) setImmediate(count)
  }
  setImmediate(count)
  const { rows, chunks } = await parseFeed('competitor_prices', bytes)
  counting = false
  t.equal(rows, 50_000)
  t.equal(chunks.length, 100)
  t.ok(turns >= bytes.length / (16 * 1024), `${turns} turns of the event loop`)
})
