// The pages as people see them: a real browser against a real server, and no fault in its console.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { Type } from '@sinclair/typebox'
import { chromium, type Browser, type BrowserContextOptions, type Locator, type Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { agents } from '../src/agents/index.ts'
import type { Parts } from '../src/app.ts'
import { defineAgent, PermanentError } from '../src/core/agent.ts'
import { faultOf } from '../src/core/check.ts'
import { BY_HAND, EFFECT_CLASSES, EFFECT_ITEMS } from '../src/core/effects/items.ts'
import { createEffectKinds } from '../src/core/effects/kinds/index.ts'
import type { Policy } from '../src/core/effects/policy.ts'
import type { ProposalDraft } from '../src/core/effects/proposal.ts'
import type { Responder } from '../src/core/ports.ts'
import { buildTestApp, listen, sayer } from './helpers/app.ts'
import { draftOf, openPolicy } from './helpers/effects-rig.ts'
import { proposingAgent } from './helpers/proposing-agent.ts'
import { createPuppet } from './helpers/puppet.ts'
import { addOrder, addVariant, createPuppetShop, gid, isPrice, priceItem } from './helpers/puppet-shop.ts'

const BROWSER = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium'
const missing = process.env['REQUIRE_SERVICES'] !== '1' && !existsSync(BROWSER)
const skip = missing ? `needs Chromium: there is none at ${BROWSER}, and CHROMIUM_PATH names no other` : false

const MAX_BYTES = 70_000
const ASSETS = new URL('../routes/home/assets/', import.meta.url)
const asset = (name: string): string => readFileSync(new URL(name, ASSETS), 'utf8')
const SCRIPTS = readdirSync(ASSETS).filter((name) => name.endsWith('.js'))

// Of the file, when it is run by itself.
t.setTimeout(120_000)

t.test('the start page is small and brings nothing of its own that the policy forbids', async (t) => {
  const [html, css, icon] = ['index.html', 'page.css', 'icon.svg'].map(asset) as [string, string, string]
  const script = SCRIPTS.map(asset).join('')
  const bytes = Buffer.byteLength(html + css + icon + script)
  t.ok(bytes < MAX_BYTES, `${bytes} bytes`)
  t.notMatch(html, /<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)/, 'no inline script or style')
  t.notMatch(html + css + script, /https?:\/\//, 'nothing from elsewhere')
  t.notMatch(html + css, /(?:href|src)="\/|url\(/, 'nothing that ties it to the root')
  t.notMatch(script, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function/, 'text stays text')
})

t.test('every script is served, and imports only what is served', async (t) => {
  const { app } = await buildTestApp(t)
  for (const name of SCRIPTS) {
    const { statusCode, headers, body } = await app.inject(`/assets/${name}`)
    t.equal(statusCode, 200, name)
    t.match(headers['content-type'], /^text\/javascript/)
    for (const [, imported] of body.matchAll(/^import .*'(.*)'$/gm)) t.ok(SCRIPTS.includes(imported!.replace('./', '')), `${name} imports ${imported}`)
  }
})

t.test('the page knows every class of change as the gates do', async (t) => {
  const { columnsOf, isByHand, isUndoable, lineOf } = await import(new URL('changes.js', ASSETS).href)
  const kinds = createEffectKinds()
  for (const name of EFFECT_CLASSES) {
    t.equal(isUndoable(name), kinds(name).undo !== undefined, `${name}: undoing`)
    t.equal(isByHand(name), BY_HAND.has(name), `${name}: by hand`)
    const item = EXAMPLES[name]
    t.ok(await faultOf(EFFECT_ITEMS[name], item) === undefined, `${name}: the example is one`)
    const texts = [lineOf(name, item, 'target'), ...columnsOf(name).map(([, text]: [string, (one: unknown) => string]) => text(item))]
    for (const text of texts) t.ok(typeof text === 'string' && !/^$|undefined|null|NaN|\[object/.test(text), `${name}: ${text}`)
  }
  t.equal(lineOf('newer', {}, 'thing:1'), 'thing:1')
  t.equal(columnsOf('newer')[0][1]({ a: 1 }), '{"a":1}')
})

t.test('the pages in a browser', { skip, timeout: 110_000 }, async (t) => {
  const browser = await chromium.launch({ executablePath: BROWSER, args: ['--no-sandbox'] })
  t.teardown(() => browser.close())

  t.test('it shows the service, its checks, agents, jobs and breakers', async (t) => {
    const environment = { APP_NAME: 'Crown <b>Shop</b>', GITHUB_TOKEN: 'x', GITHUB_REPO_OWNER: 'o', GITHUB_REPO_NAME: 'r' }
    const { page, faults } = await visit(t, browser, {}, { environment })
    await page.getByRole('heading', { name: 'Crown <b>Shop</b>' }).waitFor()
    await page.getByText(/^Version \d+\.\d+\.\d+$/).waitFor()
    t.equal(await page.title(), 'Crown <b>Shop</b>')
    await page.locator('#connection').getByText('live').waitFor()

    const checks = await row(page, 'checks').allInnerTexts()
    t.same(checks.map((text) => text.split('\n')[0]), ['core_service', 'shopify_api', 'bigquery', 'github_api', 'store', 'queue', 'llm'])
    t.match(checks[4], /healthy[^]*sqlite: a durable write took/)
    t.equal(await page.locator('#ready').innerText(), 'ready')

    const breakers = await row(page, 'breakers').allInnerTexts()
    t.match(breakers.find((text) => text.startsWith('GitHub')), /closed[^]*0 calls, 0 failures/)
    t.match(breakers.find((text) => text.startsWith('BigQuery')), /not configured/)

    await row(page, 'agents').getByText('Has not run yet').waitFor()
    t.match(await row(page, 'agents').innerText(), /^counter\s+unknown[^]*Counts to three\.[^]*next in \d+ /)
    for (const name of ['API reference', 'Metrics', 'Readiness']) {
      t.equal((await page.request.get(await href(page, name))).status(), 200, name)
    }
    t.same(faults, [])
  })

  t.test('the run button runs the agent, and the lists follow by themselves', async (t) => {
    const { page, faults } = await visit(t, browser, {}, { polls: false })
    await page.locator('#connection').getByText('live').waitFor()
    await row(page, 'agents').getByText('Has not run yet').waitFor()
    await page.getByRole('button', { name: 'Run counter' }).click()
    await row(page, 'jobs').filter({ hasText: 'counter' }).getByText('succeeded').waitFor()
    await row(page, 'agents').getByText('Last run succeeded').waitFor()
    await row(page, 'agents').getByText('healthy', { exact: true }).waitFor()
    t.equal(await page.locator('#jobs-total').innerText(), '1')
    t.match(await row(page, 'agents').innerText(), /Came to 3\./, 'the summary')
    t.same(faults, [])
  })

  t.test('where a key is needed the page asks for one, works with it, and keeps it to itself', async (t) => {
    const { app, page, origin, requests } = await visit(t, browser, { assistant: sayer('All well.') }, { environment: { AUTH: 'required' }, polls: false })
    const by = { actor: 'test', caller: null, request_id: null }
    const { key, secret } = await app.keys.make({ name: 'anna', role: 'operator' }, by)
    await page.getByText('This needs a key').first().waitFor()
    t.equal(await row(page, 'agents').count(), 0)
    const enter = async (text: string): Promise<void> => {
      await page.getByLabel('Key', { exact: true }).fill(text)
      await page.getByRole('button', { name: 'Use it' }).click()
    }
    await enter(`${secret}x`)
    await page.locator('#key-fault').getByText('is no key of ours').waitFor()
    await enter(secret)
    await page.getByText('anna, operator').waitFor()
    await page.locator('#connection').getByText('live').waitFor()
    t.equal(await page.getByLabel('Your name').isVisible(), false, 'the key has one')
    t.equal(await page.getByLabel('Key', { exact: true }).isVisible(), false)
    await page.getByRole('button', { name: 'Run counter' }).click()
    await row(page, 'jobs').filter({ hasText: 'counter' }).getByText('succeeded').waitFor()
    await ask(page, 'Is everything OK?')
    await page.locator('#messages').getByText('All well.').waitFor()
    t.match((await app.orchestrator.jobs.list({ kind: 'agent' }, { limit: 1 })).items, [{ source: 'api:anna' }])

    const [opened] = await Promise.all([page.waitForEvent('popup'), page.getByRole('link', { name: 'Metrics' }).click()])
    await opened.waitForURL(/^blob:/)
    await opened.getByText('nodejs_version_info').waitFor()
    t.notMatch(requests.join(' ') + page.url(), 'reo_', 'never in an address')
    t.equal(await page.evaluate('Object.keys(localStorage).length'), 0)

    await app.keys.revoke(key.id, { actor: 'test', request_id: null })
    await page.locator('#key-fault').getByText('expired or was revoked').waitFor()
    await page.goto(origin)
    await page.locator('#key-fault').getByText('expired or was revoked').waitFor()
    await page.getByRole('button', { name: 'Forget the key' }).isHidden()
  })

  t.test('an error is shown with its message and request id', async (t) => {
    const { page, origin } = await visit(t, browser)
    await page.request.patch(`${origin}/agents/counter`, { data: { enabled: false } })
    await page.getByRole('button', { name: 'Run counter' }).click()
    await row(page, 'agents').getByText(/paused.*\(request [\w-]+\)/).waitFor()

    await ask(page, 'x'.repeat(4001))
    await page.getByRole('alert').getByText(/content must be 4000 characters or less\. \(request [\w-]+\)/).waitFor()
    t.equal((await draft(page).inputValue()).length, 4001, 'what was typed is still there')
  })

  t.test('an answer grows as it is written, as text, and survives a reload', async (t) => {
    const puppet = createPuppet()
    const { page, faults } = await visit(t, browser, { assistant: puppet.assistant })
    await ask(page, 'Hello <i>you</i>')
    const call = await puppet.call(0)
    call.say('Half of it, <img src=x onerror=alert(1)>')
    await answers(page).getByText('Half of it, <img src=x onerror=alert(1)>', { exact: true }).waitFor()
    t.equal(await page.getByRole('log').getAttribute('aria-busy'), 'true')

    await page.reload()
    await answers(page).getByText('Half of it').waitFor()
    call.say(' and `the rest`.\n  `curl x`\nEnd')
    await answers(page).getByText('and the rest.').waitFor()
    call.finish()
    await page.getByRole('button', { name: 'Send' }).waitFor()
    t.equal(await page.getByRole('log').getAttribute('aria-busy'), 'false')

    for (const when of ['live', 'stored']) {
      const list = page.getByRole('log')
      t.same(await list.locator('.text').allTextContents(),
        ['Hello <i>you</i>', 'Half of it, <img src=x onerror=alert(1)> and the rest.\ncurl xEnd'], when)
      t.equal(await list.locator('img, i').count(), 0, 'nothing of it became markup')
      t.same(await list.locator('code, pre').allInnerTexts(), ['the rest', 'curl x'])
      await page.reload()
      await answers(page).waitFor()
    }
    t.equal(puppet.calls.length, 1, 'answered once')

    await page.getByRole('button', { name: 'New conversation' }).click()
    t.equal(await page.getByRole('log').getByRole('listitem').count(), 0)
    await page.reload()
    await page.getByRole('button', { name: 'What can you do?' }).waitFor()
    t.same(faults, [])
  })

  t.test('with the keyboard alone: ask, cancel, and be back in the box', async (t) => {
    const puppet = createPuppet()
    const { page, faults } = await visit(t, browser, { assistant: puppet.assistant })
    for (let presses = 0; !await focused(page, 'chat-text'); presses += 1) {
      t.ok(presses < 24)
      await page.keyboard.press('Tab')
    }
    await page.keyboard.type('One')
    await page.keyboard.press('Shift+Enter')
    await page.keyboard.type('Two')
    await page.keyboard.press('Enter')
    const call = await puppet.call(0)
    t.equal(call.messages[0]!.content, 'One\nTwo')
    call.say('Something')
    await answers(page).getByText('Something').waitFor()
    await page.keyboard.press('Tab')
    t.ok(await focused(page, 'chat-cancel'))
    await page.keyboard.press('Enter')
    await page.getByRole('log').getByText('Stopped.').waitFor()
    t.ok(await focused(page, 'chat-text'))
    t.ok(call.signal.aborted)
    await page.reload()
    await page.getByRole('log').getByText('Stopped.').waitFor()
    t.same(await answers(page).allInnerTexts(), ['Something'])
    t.same(faults, [])
  })

  t.test('an answer that nobody has begun can be cancelled', async (t) => {
    const { page, faults } = await visit(t, browser, {}, { environment: { BACKGROUND_WORK: 'false' } })
    await ask(page, 'Hello')
    await page.getByRole('button', { name: 'Cancel' }).click()
    for (const when of ['live', 'stored']) {
      await page.getByRole('log').getByText('Stopped.').waitFor()
      t.ok(await page.getByRole('button', { name: 'Send' }).isVisible(), when)
      await page.reload()
    }
    t.same(faults, [])
  })

  t.test('a new attempt clears the partial answer', async (t) => {
    const puppet = createPuppet()
    const { page } = await visit(t, browser, { assistant: puppet.assistant, random: () => 0 })
    await ask(page, 'Hello')
    const first = await puppet.call(0)
    first.say('Wrong')
    await answers(page).getByText('Wrong').waitFor()
    first.fail('broken')
    const second = await puppet.call(1)
    second.say('Right')
    await answers(page).getByText('Right').waitFor()
    t.notMatch(await answers(page).innerText(), /Wrong/)
    second.finish()
    await page.getByRole('button', { name: 'Send' }).waitFor()
  })

  t.test('a failed answer says so, also after a reload', async (t) => {
    const { page, faults } = await visit(t, browser, { assistant: () => broken })
    await ask(page, 'Hello')
    for (const when of ['live', 'stored']) {
      await page.getByRole('log').getByText(/The answer failed.*\(no_use\)/).waitFor()
      t.ok(await page.getByRole('button', { name: 'Send' }).isVisible(), when)
      await page.reload()
    }
    t.same(faults, [])
  })

  t.test('a lost connection is shown, and the answer goes on where it broke off', async (t) => {
    const puppet = createPuppet()
    const { app, page } = await visit(t, browser, { assistant: puppet.assistant }, { environment: { SSE_RETRY_MS: '20' }, polls: false })
    await page.locator('#connection').getByText('live').waitFor()
    await ask(page, 'Hello')
    const call = await puppet.call(0)
    call.say('Before, ')
    await answers(page).getByText('Before,').waitFor()
    await page.context().setOffline(true)
    app.server.closeAllConnections()
    await page.locator('#connection').getByText('connection lost').waitFor()
    await page.getByRole('alert').getByText('The connection was lost').waitFor()
    call.say('meanwhile, ')
    await page.context().setOffline(false)
    await page.locator('#connection').getByText('live').waitFor()
    await answers(page).getByText('Before, meanwhile,').waitFor()
    call.say('after.')
    call.finish()
    await page.getByRole('button', { name: 'Send' }).waitFor()
    t.same(await answers(page).allInnerTexts(), ['Before, meanwhile, after.'])
    t.notOk(await page.getByText('The connection was lost').isVisible())
  })

  t.test('a session that is gone is replaced by a new one', async (t) => {
    const { page, origin } = await visit(t, browser, { assistant: sayer('Hello.') })
    await ask(page, 'One')
    await answers(page).getByText('Hello.').waitFor()
    const { sessions } = await (await page.request.get(`${origin}/agents/sessions`)).json() as { sessions: Array<{ id: string }> }
    await page.request.delete(`${origin}/agents/session/${sessions[0]!.id}`)
    await ask(page, 'Two')
    // Until then it is the old conversation, and its answer, that is seen.
    await page.getByRole('log').locator('.user').getByText('Two').waitFor()
    await answers(page).getByText('Hello.').waitFor()
    t.same(await page.getByRole('log').locator('.user .text').allInnerTexts(), ['Two'])
  })

  t.test('the questions that it suggests are understood', async (t) => {
    const { page, faults } = await visit(t, browser, { agents })
    const suggestions = page.locator('#chat-empty button')
    for (let index = 0; index < await suggestions.count(); index += 1) {
      const question = await suggestions.nth(index).innerText()
      await suggestions.nth(index).click()
      await answers(page).getByText(/\S/).waitFor()
      await page.getByRole('button', { name: 'Send' }).waitFor()
      t.notMatch(await answers(page).innerText(), /did not understand|could not/, question)
      await page.getByRole('button', { name: 'New conversation' }).click()
    }
    t.same(faults, [])
  })

  t.test('without streams, the answer is there when it is stored', async (t) => {
    const { page } = await visit(t, browser, { assistant: sayer('Whole.') }, { environment: { ENABLE_STREAMING: 'false' } })
    await ask(page, 'Hello')
    await answers(page).getByText('Whole.').waitFor()
    await page.getByRole('button', { name: 'Send' }).waitFor()
    t.pass()
  })

  t.test('a proposal is looked at and approved, and its effect is done and undone', async (t) => {
    const { page, faults, shop, propose } = await visitShop(t, browser)
    const [first, second] = [addVariant(shop, 1, { product_title: HOSTILE }), addVariant(shop, 2)]
    await page.getByText('Nothing waits for a decision.', { exact: true }).first().waitFor()
    await propose([draftOf('price_change', [priceItem(first, '105.00'), priceItem(second, '95.50')], {
      title: HOSTILE, rationale: [HOSTILE, '100 + 5 = 105'], expected_gain: { amount: '12.5', currency: 'EUR' }
    })])
    const proposal = row(page, 'proposals').filter({ hasText: HOSTILE })
    t.match(await proposal.innerText(), /pricer\s+2 × price change\s+expected gain €12.50\s+€\d+\.\d\d at risk\s+expires in 2 days/)
    await page.locator('#brief').getByText('1 proposal waits for a decision, which should bring 12.5 EUR.').waitFor()

    await proposal.locator('summary').click()
    t.same(await proposal.locator('.rationale li').allInnerTexts(), [HOSTILE, '100 + 5 = 105'])
    const cells = await proposal.getByRole('row').nth(2).getByRole('cell').allInnerTexts()
    t.same(cells.slice(2), ['SKU-2', '€100.00', '€95.50', '-4.5 %', 'none', 'one person'])
    await page.getByLabel('Your name').fill('anna')
    await proposal.getByRole('checkbox').nth(1).uncheck()
    await proposal.getByRole('button', { name: 'Approve' }).click()
    const effect = row(page, 'effects').filter({ hasText: HOSTILE })
    await effect.getByText('done', { exact: true }).waitFor()
    t.ok(isPrice(first, '105.00'))
    t.ok(isPrice(second, '100.00'), 'what was not ticked is not done')
    t.match(await effect.innerText(), /€100\.00 to €105\.00[^]*let pass by anna/)
    await page.locator('#proposals-said').getByText(/^Approved.*done/).waitFor()
    await page.locator('#brief').getByText(/^1 change was made/).waitFor()
    t.equal(await row(page, 'proposals').count(), 0)

    page.once('dialog', (dialog) => { dialog.accept() })
    await effect.getByRole('button', { name: 'Undo' }).click()
    await effect.getByText('reverted', { exact: true }).waitFor()
    await row(page, 'effects').getByText(`Undoing: ${HOSTILE}: €105.00 to €100.00`).waitFor()
    t.ok(isPrice(first, '100.00'))
    t.equal(await page.getByRole('button', { name: 'Undo' }).count(), 0)
    t.equal(await page.locator('main img, main i').count(), 0, 'nothing of it became markup')
    t.same(faults, [])

    await page.reload()
    t.equal(await page.getByLabel('Your name').inputValue(), 'anna', 'the name is remembered')
  })

  t.test('two people, a refusal in words, a rejection, and somebody else who is faster', async (t) => {
    const { page, faults, shop, propose, origin } = await visitShop(t, browser, (policy) => { policy.classes.order_tag.decision = 'two_person' })
    addOrder(shop, 1)
    const tag = (name: string) => draftOf('order_tag', [{ order_id: gid('Order', 1), order_name: '#1', add: [name] }], { key: name, title: `Tag ${name}` })
    await propose([tag('a'), tag('b'), tag('c')])
    const [a, b, c] = ['a', 'b', 'c'].map((name) => row(page, 'proposals').filter({ hasText: `Tag ${name}` })) as [Locator, Locator, Locator]
    await a.locator('summary').click()
    await a.getByText('Two people have to approve this').waitFor()
    await a.getByRole('button', { name: 'Approve' }).click()
    await a.getByRole('alert').getByText(/two named people/).waitFor()

    await page.getByLabel('Your name').fill('Zoë')
    await a.getByRole('button', { name: 'Approve' }).click()
    await a.getByRole('alert').getByText('A name begins with').waitFor()
    await page.getByLabel('Your name').fill('anna')
    await a.getByRole('button', { name: 'Approve' }).click()
    await a.getByText('one of two approved').waitFor()
    await page.getByText('A second person has to approve it under another name.').waitFor()
    await a.getByText('You have approved it').waitFor()
    await a.getByRole('button', { name: 'Approve' }).click()
    await a.getByRole('alert').getByText('this one has approved already').waitFor()
    await page.getByLabel('Your name').fill('bert')
    await a.getByRole('button', { name: 'Approve' }).click()
    await row(page, 'effects').getByText('done', { exact: true }).waitFor()
    t.match(await row(page, 'effects').innerText(), /Tag order #1: a[^]*let pass by anna and bert/)

    await b.locator('summary').click()
    await b.getByLabel('Reason').fill('no need')
    await b.getByRole('button', { name: 'Reject' }).press('Enter')
    await page.locator('#proposals-said').getByText('Rejected “Tag b”.').waitFor()
    t.equal(await page.evaluate('document.activeElement.tagName'), 'SUMMARY', 'whoever used the keyboard is at the next one')

    await c.locator('summary').click()
    const { proposals: [left] } = await (await page.request.get(`${origin}/proposals?status=pending`)).json() as
      { proposals: Array<{ id: string, plan_hash: string }> }
    await page.request.post(`${origin}/proposals/${left!.id}/reject`, { data: { plan_hash: left!.plan_hash, actor: 'carl' } })
    await page.locator('#proposals-said').getByText('“Tag c” does not wait any more: it is rejected.').waitFor()
    t.same(faults.filter((fault) => !/status of 4\d\d/.test(fault)), [])
  })

  t.test('what is being read stays, whatever newer proposals push it off the list', async (t) => {
    const { page, faults, shop, propose, hand, origin } = await visitShop(t, browser)
    addOrder(shop, 1)
    const hold = { order_id: gid('Order', 1), order_name: '#1', reason: 'other' as const, note: 'n' }
    const note = (n: number) => draftOf('order_hold', [hold], { key: `${n}`, title: `Hold ${n}` })
    await propose([note(0)])
    const read = row(page, 'proposals').filter({ has: page.getByText('Hold 0', { exact: true }) })
    await read.locator('summary').click()
    await read.getByLabel('Reason').fill('half a rea')
    hand(Array.from({ length: 12 }, (_, n) => note(n + 1)))
    await page.request.post(`${origin}/agents/pricer/run`, { data: {} })
    await row(page, 'proposals').nth(10).waitFor()
    await page.getByText('Proposals that wait (13)').waitFor()
    t.equal(await row(page, 'proposals').count(), 11, 'ten, and the one that is read')
    t.equal(await read.getByLabel('Reason').inputValue(), 'half a rea')
    await page.getByRole('button', { name: 'Show more' }).click()
    await row(page, 'proposals').nth(12).waitFor()
    await page.getByLabel('of').selectOption('pricer')
    await row(page, 'proposals').nth(9).waitFor()
    t.equal(await row(page, 'proposals').count(), 10, 'another list begins anew')
    t.equal(await page.locator('#proposals-said').isVisible(), false, 'nothing was said to be over')
    t.same(faults, [])
  })

  t.test('the kill switch: freeze everything, what was approved waits, lift', async (t) => {
    const { page, faults, shop, propose } = await visitShop(t, browser)
    const variant = addVariant(shop, 1)
    await propose([draftOf('price_change', [priceItem(variant, '105.00')], { title: 'Dearer' })])
    await page.getByRole('button', { name: 'Freeze everything' }).click()
    await page.getByRole('alert').getByText('Say why').waitFor()
    await page.getByLabel('Reason', { exact: true }).fill(HOSTILE)
    await page.keyboard.press('Enter')
    await page.getByText('Everything is frozen: no change reaches the shop.').waitFor()
    await row(page, 'freezes').getByText(HOSTILE).waitFor()
    await page.locator('#brief').getByText(`Frozen (all): ${HOSTILE}`).waitFor()
    t.notOk(await page.getByRole('button', { name: 'Freeze everything' }).isVisible())

    await row(page, 'proposals').locator('summary').click()
    await page.getByRole('button', { name: 'Approve' }).click()
    await row(page, 'jobs').filter({ hasText: 'apply' }).getByText('parked').waitFor()
    await row(page, 'broke').getByText('It waits until the freeze is lifted.').waitFor()
    t.ok(isPrice(variant, '100.00'))
    await page.getByRole('button', { name: 'Lift' }).click()
    await page.getByText('Approved changes are made.').waitFor()
    await row(page, 'effects').getByText('done', { exact: true }).waitFor()
    t.ok(isPrice(variant, '105.00'))
    await page.getByText('Nothing broke.').waitFor()
    t.same(faults, [])
  })

  t.test('below /api/ it asks for everything below /api/', async (t) => {
    const { page, faults, requests } = await visit(t, browser, { assistant: sayer('Hello.') }, { path: '/api/' })
    await ask(page, 'Hello')
    await answers(page).getByText('Hello.').waitFor()
    await row(page, 'jobs').getByText('succeeded').waitFor()
    t.same(requests.filter((path) => !path.startsWith('/api/')), [])
    t.match(await href(page, 'API reference'), /\/api\/docs$/)
    t.same(faults, [])
  })

  t.test('it fits a phone, and is light or dark as the reader has it', async (t) => {
    const { page } = await visit(t, browser, {}, { browser: { viewport: { width: 320, height: 640 }, colorScheme: 'light' } })
    await row(page, 'agents').waitFor()
    const overflow = () => page.evaluate('document.documentElement.scrollWidth - innerWidth')
    const background = () => page.evaluate('getComputedStyle(document.body).backgroundColor')
    t.equal(await overflow(), 0)
    const light = await background()
    await page.emulateMedia({ colorScheme: 'dark' })
    t.not(await background(), light)
  })

  t.test('an unknown path has a page in the same style', async (t) => {
    const { page, faults } = await visit(t, browser, {}, { path: '/nothing-here' })
    await page.getByRole('heading', { name: '404 Not Found' }).waitFor()
    t.equal(await page.evaluate('getComputedStyle(document.querySelector("main")).maxWidth'), '640px', 'styled')
    await page.getByRole('link', { name: 'Start page' }).click()
    await row(page, 'agents').waitFor()
    t.same(faults.filter((fault) => !/status of 404/.test(fault)), [])
  })

  t.test('the API reference opens an operation and tries it', async (t) => {
    const { page, faults } = await visit(t, browser, {}, { path: '/docs' })
    await page.locator('[data-path="/agents/session"]').first().click()
    await page.getByRole('button', { name: 'Execute' }).click()
    await page.locator('.live-responses-table').getByText('session_id').first().waitFor()
    t.same(faults, [])
  })
})

/** Without a schedule that could come due while a test looks. */
const counter = defineAgent({
  name: 'counter',
  description: 'Counts to three.',
  input: Type.Object({}),
  output: Type.Object({ count: Type.Integer() }),
  triggers: { schedule: { cron: '0 0 1 1 *' } },
  run: async () => ({ count: 3 }),
  summarise: ({ count }) => `Came to ${count}.`
})

const broken: Responder = {
  name: 'broken',
  async * respond () { throw new PermanentError('no_use', 'It cannot be answered.') }
}

const HOSTILE = '<img src=x onerror=alert(1)><i>Halter</i> & "more"'

/** A visitor of a shop made by hand, and an agent that proposes what it is handed. The page hears of it from its stream alone. */
const visitShop = async (t: Test, browser: Browser, change?: (policy: Policy) => void) => {
  const shop = createPuppetShop({ now: () => Date.now() })
  let drafts: ProposalDraft[] = []
  const pricer = proposingAgent('pricer', () => drafts)
  const parts = { agents: [pricer], upstreams: { commerce: shop.commerce, list: [shop.upstream] } }
  const visitor = await visit(t, browser, parts, { polls: false })
  await visitor.page.locator('#connection').getByText('live').waitFor()
  const body = { expected_version: 0, policy: openPolicy(change), actor: 'owner' }
  t.equal((await visitor.page.request.put(`${visitor.origin}/policies`, { data: body })).status(), 200)
  const hand = (list: ProposalDraft[]): void => { drafts = list }
  const propose = async (list: ProposalDraft[]): Promise<void> => {
    hand(list)
    await visitor.page.getByRole('button', { name: 'Run pricer' }).click()
    await row(visitor.page, 'proposals').nth(list.length - 1).waitFor()
  }
  return { ...visitor, shop, hand, propose }
}

const ORDER = { order_id: gid('Order', 1), order_name: '#1' }
/** One change of each class, with the optional left out and the nullable null where that is possible. */
const EXAMPLES: Record<string, unknown> = {
  price_change: {
    product_id: gid('Product', 1),
    variant_id: gid('ProductVariant', 1),
    sku: null,
    title: 'Halter',
    currency: 'EUR',
    expected_price: '0',
    price: '9.9999',
    expected_compare_at_price: null,
    compare_at_price: '12'
  },
  order_hold: { ...ORDER, reason: 'high_risk_of_fraud', note: 'n' },
  order_tag: { ...ORDER, add: ['late', 'call'] },
  order_note: { ...ORDER, expected_note: null, note: 'n' },
  order_cancel: { ...ORDER, total: '10', currency: 'EUR', reason: 'r' },
  refund: { ...ORDER, lines: [], expected_total: '10', currency: 'EUR', note: 'n', notify_customer: false },
  discount_code: {
    code: 'CODE-1',
    title: 'Code',
    percentage: 0.15,
    product_ids: [],
    segment_ids: [],
    starts_at: 0,
    ends_at: 1,
    usage_limit: 10,
    once_per_customer: true,
    currency: 'EUR',
    cost_per_use: '1'
  },
  segment: { name: 'loyal', query: 'number_of_orders > 3' },
  draft_product: {
    title: 'Halter', handle: 'halter', description_html: '', vendor: 'v', product_type: 't', tags: [], sku: 's', price: '1', unit_cost: '1', currency: 'EUR'
  },
  recommendation: { product_id: gid('Product', 1), title: 'Halter', namespace: 'n', key: 'k', products: [gid('Product', 2)], expected_digest: null },
  purchase_order: { variant_id: gid('ProductVariant', 1), sku: null, title: 'Halter', supplier: null, quantity: 3, unit_cost: null, currency: 'EUR' },
  campaign_draft: { name: 'c', segment: 's', subject: 's', body: 'b', audience: 10, hold_out: 1 },
  reply_draft: { ticket_id: '1', language: 'de', subject: 's', body: 'b', facts: [] }
}

interface VisitOptions {
  path?: string
  environment?: Record<string, string>
  browser?: BrowserContextOptions
  /** False: without its timer, the page hears of changes from its streams alone. */
  polls?: boolean
}

/** A new visitor of a new server. `faults`: what the browser complained about. `requests`: the paths that the page asked for. */
const visit = async (t: Test, browser: Browser, parts: Parts = {}, visitOptions: VisitOptions = {}) => {
  const { path = '/', environment = {}, browser: options = {}, polls = true } = visitOptions
  const { app } = await buildTestApp(t, { BACKGROUND_WORK: 'true', ...environment }, { agents: [counter], ...parts })
  const origin = await listen(app)
  const context = await browser.newContext(options)
  t.teardown(() => context.close())
  const page = await context.newPage()
  page.setDefaultTimeout(10_000)
  const faults: string[] = []
  const requests: string[] = []
  page.on('console', (message) => { if (['error', 'warning'].includes(message.type())) faults.push(message.text()) })
  page.on('pageerror', (error) => { faults.push(String(error)) })
  page.on('request', (request) => { requests.push(new URL(request.url()).pathname) })
  if (!polls) await page.addInitScript('window.setInterval = () => 0')
  await page.goto(origin + path)
  return { app, origin, page, faults, requests }
}

const row = (page: Page, list: string) => page.locator(`#${list} > li`)
const answers = (page: Page) => page.getByRole('log').locator('.assistant .text')
const draft = (page: Page) => page.getByRole('textbox', { name: 'Message to the assistant' })
const focused = (page: Page, id: string): Promise<boolean> => page.evaluate(`document.activeElement.id === ${JSON.stringify(id)}`)
const href = async (page: Page, name: string): Promise<string> =>
  new URL((await page.getByRole('link', { name }).getAttribute('href'))!, page.url()).href

const ask = async (page: Page, text: string): Promise<void> => {
  await draft(page).fill(text)
  await draft(page).press('Enter')
}
