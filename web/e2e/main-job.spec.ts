// The main job: two people in two browsers exchange messages and see each other read them.
import { expect, test, type Page } from '@playwright/test';
import { expectAccessible, picture } from './axe';
import {
  CHEUNG,
  connected,
  desk,
  line,
  message,
  NARROW,
  say,
  sendByRest,
  signIn,
  SZETO,
  texts,
  tickPerson,
  WIDE,
  YEUNG,
  type Desk,
} from './people';

test.describe.configure({ mode: 'serial' });

const t = texts('zh-Hant-HK');
const en = texts('en');
const run = Date.now().toString(36); // texts of this run
let szeto: Desk;
let yeung: Desk;
let a: Page;
let b: Page;
let unreadBefore = 0;

async function unreadInTitle(page: Page): Promise<number> {
  return Number(/^\((\d+)\)/.exec(await page.title())?.[1] ?? 0);
}

test.beforeAll(async ({ browser }) => {
  szeto = await desk(browser);
  yeung = await desk(browser);
  a = szeto.page;
  b = yeung.page;
});

test.afterAll(async () => {
  const problems = [...szeto.problems, ...yeung.problems];
  await szeto.context.close();
  await yeung.context.close();
  expect(problems, 'nothing for the console to complain about').toEqual([]);
});

test('both sign in', async () => {
  await signIn(a, SZETO);
  await signIn(b, YEUNG);
  await expect(a.locator('html')).toHaveAttribute('lang', 'zh-Hant-HK');
});

test('a direct conversation starts from the department tree', async () => {
  await a
    .getByRole('button', { name: t('start.title') })
    .first()
    .click();
  const dialog = a.getByRole('dialog', { name: t('start.title') });
  await tickPerson(a, YEUNG);
  await expectAccessible(a, 'dialog: start a conversation');
  await picture(a, 'start-conversation');
  await dialog.getByRole('button', { name: t('start.direct') }).click();
  await expect(a).toHaveURL(/\/conversations\//);
  await expect(a.locator('#pane-name')).toContainText(YEUNG.name);
  await expect(a.locator('.composer textarea')).toBeFocused();
});

test('a message arrives live and counts as unread', async () => {
  await say(a, `早晨！今日開會改咗三點。${run}-1`);
  await expect(message(a, `${run}-1`)).toHaveCount(1);
  await expect(message(a, `${run}-1`).locator('.receipts')).toHaveText(t('receipts.unread'));
  const item = line(b, SZETO.name);
  await expect(item.locator('.item-preview')).toContainText(`${run}-1`);
  await expect(item.locator('.item-unread')).toBeVisible();
  await expect(b).toHaveTitle(/^\(\d+\) /);
  unreadBefore = await unreadInTitle(b);
});

test('reading it shows the sender 已讀, live', async () => {
  await line(b, SZETO.name).click();
  await expect(message(b, `${run}-1`)).toHaveCount(1);
  await expect(message(a, `${run}-1`).locator('.receipts')).toHaveText(t('receipts.read'));
  await expect(line(b, SZETO.name).locator('.item-unread')).toHaveCount(0);
  await expect.poll(() => unreadInTitle(b)).toBeLessThan(unreadBefore);
});

test('an answer goes back; Shift+Enter breaks the line, the input method keeps its Enter', async () => {
  const composer = b.locator('.composer textarea');
  await composer.fill(`收到。${run}-2`);
  await composer.press('Shift+Enter');
  await composer.pressSequentially('第二行 https://kongsi.example/notes');
  await composer.dispatchEvent('keydown', { key: 'Enter', keyCode: 229, bubbles: true, cancelable: true });
  await expect(composer).toHaveValue(`收到。${run}-2\n第二行 https://kongsi.example/notes`);
  await composer.press('Enter');
  await expect(composer).toHaveValue('');
  await expect(message(a, `${run}-2`)).toContainText('第二行');
  await expect(message(a, `${run}-2`).getByRole('link')).toHaveAttribute(
    'href',
    'https://kongsi.example/notes',
  );
  await expect(message(b, `${run}-2`).locator('.receipts')).toHaveText(t('receipts.read'));
  await expectAccessible(a, 'chat');
  await picture(a, 'chat-direct');
});

test('a group of three shows 已讀 1 · 未讀 1 and who', async () => {
  const name = `旺角店更表 ${run}`;
  await a
    .getByRole('button', { name: t('start.title') })
    .first()
    .click();
  const dialog = a.getByRole('dialog', { name: t('start.title') });
  await tickPerson(a, YEUNG);
  await dialog.getByLabel(t('people.search')).fill(CHEUNG.number);
  await tickPerson(a, CHEUNG);
  await expect(dialog.getByRole('button', { name: t('start.group', { count: 3 }) })).toBeDisabled();
  await dialog.getByLabel(t('group.name')).fill(name);
  await picture(a, 'start-group');
  await dialog.getByRole('button', { name: t('start.group', { count: 3 }) }).click();
  await expect(a.locator('#pane-name')).toHaveText(name);

  await expect(line(b, name)).toBeVisible();
  await say(a, `下星期嘅更表已經出咗，請大家睇一睇。${run}-3`);
  const receipts = message(a, `${run}-3`).locator('.receipts');
  await expect(receipts).toHaveText(t('receipts.counts', { read: 0, unread: 2 }));
  await expect(line(b, name).locator('.item-unread')).toBeVisible();
  await line(b, name).click();
  await expect(receipts).toHaveText(t('receipts.counts', { read: 1, unread: 1 }));
  await picture(b, 'chat-group-reader');

  await receipts.click();
  const lists = a.getByRole('dialog', { name: t('receipts.title') });
  await expect(lists.locator('section', { hasText: t('receipts.readBy', { count: 1 }) })).toContainText(
    YEUNG.name,
  );
  await expect(lists.locator('section', { hasText: t('receipts.unreadBy', { count: 1 }) })).toContainText(
    CHEUNG.name,
  );
  await expect(lists.locator('section time')).toHaveCount(1);
  await expectAccessible(a, 'dialog: receipts');
  await picture(a, 'receipts');
  await a.keyboard.press('Escape');
  await expect(lists).toBeHidden();
  await expect(receipts).toBeFocused();
});

test('the group is renamed and shows its members', async () => {
  await a.getByRole('button', { name: t('group.info') }).click();
  const drawer = a.getByRole('dialog', { name: t('group.info') });
  await expect(drawer.locator('.group-member')).toHaveCount(3);
  await drawer.getByRole('button', { name: t('group.rename') }).click();
  await drawer.getByLabel(t('group.name')).fill(`九龍店更表 ${run}`);
  await drawer.getByRole('button', { name: t('common.save') }).click();
  await expect(a.locator('#pane-name')).toHaveText(`九龍店更表 ${run}`);
  await expect(line(b, `九龍店更表 ${run}`)).toBeVisible();
  await expectAccessible(a, 'drawer: group');
  await picture(a, 'group');
  await a.keyboard.press('Escape');
  await expect(drawer).toBeHidden();
});

test('a reload keeps everything', async () => {
  await a.reload();
  await connected(a);
  await expect(a.locator('#pane-name')).toHaveText(`九龍店更表 ${run}`);
  await expect(message(a, `${run}-3`)).toHaveCount(1);
  await expect(message(a, `${run}-3`).locator('.receipts')).toHaveText(
    t('receipts.counts', { read: 1, unread: 1 }),
  );
});

test('what is sent offline arrives once, both ways, when the connection is back', async () => {
  await szeto.context.setOffline(true);
  await expect(a.locator('.connection')).toContainText(t('connection.offline'));
  await say(a, `電梯入面冇訊號。${run}-4`);
  await expect(message(a, `${run}-4`)).toContainText(t('pending.sending'));
  await say(b, `你喺邊？${run}-5`);
  await expect(message(b, `${run}-5`).locator('.receipts')).toBeVisible();
  await picture(a, 'offline');
  await szeto.context.setOffline(false);
  await connected(a);
  for (const page of [a, b]) {
    await expect(message(page, `${run}-4`)).toHaveCount(1);
    await expect(message(page, `${run}-5`)).toHaveCount(1);
    await expect(message(page, `${run}-4`)).not.toContainText(t('pending.sending'));
  }
  await a.reload();
  await connected(a);
  await expect(message(a, `${run}-5`)).toHaveCount(1);
  await expect(message(a, `${run}-4`)).toHaveCount(1);
});

test('a lost answer makes no second message', async () => {
  // The socket is kept shut and the first answer of REST is swallowed: the message is on the server, the client cannot know.
  const context = szeto.context;
  let swallowed = 0;
  let shut = true;
  await context.routeWebSocket(/\/v1\/realtime/, (socket) => {
    if (shut) void socket.close();
    else socket.connectToServer();
  });
  await context.route('**/v1/conversations/*/messages', async (route) => {
    if (route.request().method() !== 'POST' || swallowed > 0) return route.fallback();
    swallowed += 1;
    await route.fetch();
    await route.abort('connectionreset');
  });
  await a.reload();
  await expect(message(a, `${run}-5`)).toHaveCount(1);
  await say(a, `一次就夠。${run}-6`);
  await expect(message(b, `${run}-6`)).toHaveCount(1);
  await expect(message(a, `${run}-6`).locator('.receipts')).toBeVisible({ timeout: 20_000 });
  expect(swallowed).toBe(1);
  await expect(a.locator('.connection')).toContainText(t('connection.reconnecting'));
  shut = false;
  await context.unrouteAll({ behavior: 'ignoreErrors' });
  await a.reload();
  await expect(message(a, `${run}-6`)).toHaveCount(1);
  await expect(message(b, `${run}-6`)).toHaveCount(1);
});

test('older messages come while scrolling up', async () => {
  test.slow();
  await line(b, SZETO.name).first().click();
  await b.locator('.composer textarea').waitFor();
  const conversationId = new URL(b.url()).pathname.split('/').at(-1) ?? '';
  for (let i = 1; i <= 55; i += 1) await sendByRest(b, conversationId, `第 ${i} 件貨品 ${run}-s${i}`);
  await expect(message(b, `${run}-s55`)).toBeVisible({ timeout: 30_000 });
  await b.reload();
  await expect(message(b, `${run}-s55`)).toHaveCount(1);
  const box = b.locator('.messages');
  for (let i = 0; i < 12 && (await message(b, `第 1 件貨品 ${run}-s1`).count()) === 0; i += 1) {
    await box.evaluate((element) => element.scrollTo({ top: 0 }));
    await b.waitForTimeout(250);
  }
  await expect(message(b, `第 1 件貨品 ${run}-s1`).first()).toBeAttached();
  const seqs = await b
    .locator('.message[data-seq]')
    .evaluateAll((all) => all.map((one) => Number(one.getAttribute('data-seq'))));
  expect(seqs).toEqual([...seqs].sort((x, y) => x - y));
  expect(new Set(seqs).size).toBe(seqs.length);
  await say(b, `${run}-end`); // sending goes to the end
  await expect(message(b, `${run}-end`)).toBeInViewport();
});

test('at 360 pixels there is one pane, with a way back', async () => {
  await a.setViewportSize(NARROW);
  await a.goto('/');
  await connected(a);
  await expect(a.locator('.pane')).toHaveCount(0);
  await picture(a, 'narrow-list');
  await line(a, `九龍店更表 ${run}`).click();
  await expect(a.locator('.list')).toHaveCount(0);
  await expect(message(a, `${run}-3`)).toBeVisible();
  await say(a, `電話都睇到。${run}-7`);
  await expect(message(a, `${run}-7`).locator('.receipts')).toBeVisible();
  await picture(a, 'narrow-chat');
  await message(a, `${run}-7`).locator('.receipts').click();
  await expect(a.getByRole('dialog', { name: t('receipts.title') })).toBeVisible();
  await picture(a, 'narrow-receipts');
  await a.keyboard.press('Escape');
  await expectAccessible(a, 'chat at 360 px');
  const overflow = await a.evaluate(
    () => document.documentElement.scrollWidth > document.documentElement.clientWidth,
  );
  expect(overflow, 'nothing sticks out sideways').toBe(false);
  await a.getByRole('button', { name: t('chat.back') }).click();
  await expect(a.getByRole('heading', { name: t('chat.conversations'), level: 1 })).toBeVisible();
  await a.getByRole('button', { name: t('start.title') }).click();
  await expect(a.getByRole('dialog', { name: t('start.title') })).toBeVisible();
  await picture(a, 'narrow-start');
  await a.keyboard.press('Escape');
});

test('the language changes and is remembered', async () => {
  await a.getByRole('button', { name: t('navigation.profile'), exact: true }).click();
  await picture(a, 'narrow-profile');
  await a.getByRole('dialog').getByLabel(t('language.label')).selectOption('en');
  await expect(a.locator('html')).toHaveAttribute('lang', 'en');
  await a.setViewportSize(WIDE);
  await a.reload();
  await connected(a);
  await expect(a.getByRole('heading', { name: en('chat.conversations'), level: 1 })).toBeVisible();
  await line(a, `九龍店更表 ${run}`).click();
  await expect(message(a, `${run}-7`).locator('.receipts')).toHaveText(/^Read \d · Unread \d$/);
  await picture(a, 'chat-group-en');
  await expectAccessible(a, 'chat in English');
});

test('the directory shows people by department and finds them', async () => {
  await a.goto('/directory');
  await expect(a.locator('.directory-person').first()).toBeVisible();
  await picture(a, 'directory-en');
  await a.getByLabel(en('people.search')).fill(CHEUNG.number);
  await a.locator('.directory-person', { hasText: CHEUNG.email }).click();
  const drawer = a.getByRole('dialog', { name: en('person.info') });
  await expect(drawer).toContainText(CHEUNG.email);
  await drawer.getByRole('button', { name: en('person.invite') }).click();
  await expect(drawer.locator('.invitation-link input')).toHaveValue(/\/invitation#token=.+/);
  await expectAccessible(a, 'drawer: person');
  await picture(a, 'person-en');
  await a.keyboard.press('Escape');
  await expect(drawer).toBeHidden();
  await a.setViewportSize(NARROW);
  await picture(a, 'narrow-directory-en');
  await a.setViewportSize(WIDE);
});

test('the administrator checks a staff file and sees every bad row', async () => {
  await a.getByRole('link', { name: en('navigation.import') }).click();
  await expect(a.getByRole('heading', { name: en('import.title') })).toBeVisible();
  const apply = a.getByRole('button', { name: en('import.apply'), exact: true });
  await expect(apply).toBeDisabled();
  await a.getByLabel(en('import.staff')).setInputFiles('../examples/harbour-retail/staff_with_errors.csv');
  await a.getByRole('button', { name: en('import.check') }).click();
  await expect(a.locator('.import-problems tbody tr').first()).toBeVisible();
  await expect(a.locator('.import-problems')).toContainText('HR99999');
  await expect(apply).toBeDisabled();
  await expectAccessible(a, 'import');
  await picture(a, 'import-en');
  await a.getByLabel(en('import.departments')).setInputFiles('../examples/harbour-retail/departments.csv');
  await a.getByLabel(en('import.staff')).setInputFiles('../examples/harbour-retail/staff.csv');
  await a.getByRole('button', { name: en('import.check') }).click();
  await expect(apply).toBeEnabled();
  await apply.click();
  await expect(a.getByText(en('import.outcome.applied'))).toBeVisible();
  await picture(a, 'import-done-en');
});

test('a picture is changed and others see it', async () => {
  await a.getByRole('button', { name: en('navigation.profile'), exact: true }).click();
  const dialog = a.getByRole('dialog', { name: en('profile.title') });
  await dialog.locator('input[type=file]').setInputFiles({
    name: 'me.png',
    mimeType: 'image/png',
    buffer: Buffer.from(
      'iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAIAAACQkWg2AAABlklEQVR42g3LQQEAIQgAQSMYwQhGMAIRiMBzn0YwghGIQAQiEMEId/Of1midNmiTtmhCU5rRNu3QLs1pQUta0R6tNXqnD/qkL7rQlW70TT/0S3d60JNe9Ef/w+iMwZiMxRCGMoyxGYdxGc4IRjKK8Rh/mJ05mJO5mMJUpjE38zAv05nBTGYxH/MPq7MGa7IWS1jKMtZmHdZlOStYySrWY/1BOjKQiSxEEEUM2chBLuJIIIkU8pA/aEcHOtGFCqqooRs96EUdDTTRQh/6B+vYwCa2MMEUM2xjB7uYY4ElVtjD/rA7e7Ane7GFrWxjb/ZhX7azg53sYj/2H07nDM7kLI5wlGOczTmcy3FOcJJTnMf5w+3cwZ3cxRWuco27uYd7uc4NbnKL+7h/8I4PfOILF1xxwzd+8Is7HnjihT/8D9GJQUxiEUIoYcQmDnEJJ4JIoohH/CE7OchJLlJIJY3c5CEv6WSQSRb5yD9UpwY1qUUJpZRRmzrUpZwKKqmiHvWH13mDN3mLJzzlGW/zDu/ynBe85BXv8T5PTmgQIpjvYwAAAABJRU5ErkJggg==',
      'base64',
    ),
  });
  await expect(dialog.locator('.avatar img')).toBeVisible();
  await picture(a, 'profile-en');
  await expectAccessible(a, 'dialog: account');
  await a.keyboard.press('Escape');
  await b.reload();
  await expect(line(b, SZETO.name).first().locator('.avatar img')).toBeVisible();
});

test('an ordinary person cannot open the import', async () => {
  await b.goto('/import');
  await expect(b.getByText(t('error.reason.PERMISSION_MISSING'))).toBeVisible();
  await expect(b.getByRole('link', { name: t('navigation.import') })).toHaveCount(0);
});

test('signing out ends the page of every tab', async () => {
  const second = await yeung.context.newPage();
  await second.goto('/');
  await expect(second.getByRole('heading', { name: t('chat.conversations'), level: 1 })).toBeVisible();
  await b.goto('/');
  await b.getByRole('button', { name: t('navigation.profile'), exact: true }).click();
  await b.getByRole('button', { name: t('profile.signOut') }).click();
  await expect(b).toHaveURL(/\/sign-in$/);
  await expect(second).toHaveURL(/\/sign-in$/);
});
