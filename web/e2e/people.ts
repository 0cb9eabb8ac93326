// The people of the example company who appear in the tests, and what their browsers do.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, type Browser, type BrowserContext, type Page } from '@playwright/test';

export const PASSWORD = process.env.KONGSI_PASSWORD ?? 'harbour-2026';
export const NARROW = { width: 360, height: 740 };
export const WIDE = { width: 1280, height: 800 };

export interface Person {
  email: string;
  number: string;
  name: string; // as it is displayed
}

export const SZETO: Person = {
  email: 'hr00001@example.hk.example',
  number: 'HR00001',
  name: 'Joyce Szeto 司徒詠詩',
}; // the administrator
export const YEUNG: Person = {
  email: 'hr00002@example.hk.example',
  number: 'HR00002',
  name: 'Joyce Yeung 楊健華',
};
export const CHEUNG: Person = {
  email: 'hr00003@example.hk.example',
  number: 'HR00003',
  name: 'Kelvin Cheung 張健華',
};

type Catalogue = Record<string, unknown>;

/** Texts of a language by key, from the client's own catalogue. */
export function texts(
  language: 'zh-Hant-HK' | 'en',
): (key: string, values?: Record<string, string | number>) => string {
  const catalogue = JSON.parse(readFileSync(`src/i18n/${language}.json`, 'utf8')) as Catalogue;
  return (key, values = {}) => {
    const value = key.split('.').reduce<unknown>((place, part) => (place as Catalogue)[part], catalogue);
    if (typeof value !== 'string') throw new Error(`no text ${key}`);
    return value.replace(/{{(\w+)}}/g, (_, name: string) => String(values[name]));
  };
}

export interface Desk {
  context: BrowserContext;
  page: Page;
  problems: string[]; // what the browser's console complained about
}

/** A browser window of its own; not signed in. */
export async function desk(browser: Browser): Promise<Desk> {
  const context = await browser.newContext();
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('console', (message) => {
    // A refused request is reported by the browser itself; those of a cut connection are part of the tests.
    if (
      message.type() === 'error' &&
      !/Failed to load resource|WebSocket connection|ERR_/.test(message.text())
    )
      problems.push(message.text());
  });
  return { context, page, problems };
}

export async function signIn(page: Page, person: Person): Promise<void> {
  const t = texts('zh-Hant-HK');
  await page.goto('/sign-in');
  await page.getByLabel(t('signIn.identifier')).fill(person.email);
  await page.getByLabel(t('signIn.password'), { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: t('signIn.submit') }).click();
  await expect(page.getByRole('heading', { name: t('chat.conversations'), level: 1 })).toBeVisible();
  await connected(page);
}

export async function connected(page: Page): Promise<void> {
  await expect(page.locator('.connection')).toHaveAttribute('data-state', 'connected', { timeout: 30_000 });
}

/** Writes into the composer and sends with Enter. */
export async function say(page: Page, text: string): Promise<void> {
  const composer = page.locator('.composer textarea');
  await composer.fill(text);
  await composer.press('Enter');
}

/** The same without the page, patient with the rate limit. */
export async function sendByRest(page: Page, conversationId: string, text: string): Promise<void> {
  const token = await page.evaluate(() => {
    const session = JSON.parse(localStorage.getItem('kongsi.session') ?? '{}') as { accessToken?: string };
    return session.accessToken ?? '';
  });
  for (;;) {
    const response = await page.request.post(`/v1/conversations/${conversationId}/messages`, {
      headers: { Authorization: `Bearer ${token}` },
      data: { request_id: randomUUID(), text: { body: text } },
    });
    if (response.ok()) return;
    expect(response.status(), await response.text()).toBe(429);
    await page.waitForTimeout(Number(response.headers()['retry-after'] ?? 1) * 1000);
  }
}

/** The message with this text in the open conversation. */
export function message(page: Page, text: string) {
  return page.locator('.message', { has: page.locator('.bubble', { hasText: text }) });
}

/** The line with this name in the list of conversations. */
export function line(page: Page, name: string) {
  return page.locator('.list-items .item', { hasText: name });
}

/** Ticks a person in the open dialog. */
export async function tickPerson(page: Page, person: Person): Promise<void> {
  const box = page.getByRole('dialog').getByRole('checkbox', { name: new RegExp(person.name) });
  await box.check();
}
