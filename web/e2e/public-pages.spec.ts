// The pages before signing in.
import { expect, test } from '@playwright/test';
import { expectAccessible, picture } from './axe';
import { NARROW, SZETO, texts } from './people';

const t = texts('zh-Hant-HK');
const en = texts('en');

test('sign-in speaks Hong Kong Chinese, then English, and is accessible', async ({ page }) => {
  await page.goto('/');
  await expect(page).toHaveURL(/\/sign-in$/);
  await expect(page.getByRole('heading', { name: t('signIn.title') })).toBeVisible();
  await expect(page.getByLabel(t('signIn.identifier'))).toBeFocused();
  await expectAccessible(page, 'sign-in');
  await picture(page, 'sign-in');
  await page.getByLabel(t('language.label')).selectOption('en');
  await expect(page.getByRole('heading', { name: en('signIn.title') })).toBeVisible();
  await expect(page.locator('html')).toHaveAttribute('lang', 'en');
  await page.setViewportSize(NARROW);
  await picture(page, 'narrow-sign-in-en');
  await expectAccessible(page, 'sign-in in English at 360 px');
});

test('a wrong password is refused and says so', async ({ page }) => {
  await page.goto('/sign-in');
  await page.getByRole('button', { name: t('signIn.submit') }).click();
  await expect(page.getByText(t('signIn.passwordMissing'))).toBeVisible();
  await page.getByLabel(t('signIn.identifier')).fill(SZETO.email);
  await page.getByLabel(t('signIn.password'), { exact: true }).fill('not-the-password');
  await page.getByRole('button', { name: t('signIn.submit') }).click();
  await expect(page.getByRole('alert').first()).toContainText(t('error.reason.CREDENTIALS_INVALID'));
  await expect(page.getByLabel(t('signIn.password'), { exact: true })).toBeFocused();
  await expectAccessible(page, 'sign-in refused');
  await picture(page, 'sign-in-refused');
});

test('an invitation asks for a password, twice', async ({ page }) => {
  await page.goto('/invitation#token=not-a-token');
  await page.getByLabel(t('invitation.password'), { exact: true }).fill('correct-horse-battery');
  await page.getByLabel(t('invitation.again')).fill('correct-horse');
  await page.getByRole('button', { name: t('invitation.submit') }).click();
  await expect(page.getByText(t('invitation.different'))).toBeVisible();
  await expectAccessible(page, 'invitation');
  await page.getByLabel(t('invitation.again')).fill('correct-horse-battery');
  await page.getByRole('button', { name: t('invitation.submit') }).click();
  await expect(page.getByRole('alert').first()).toContainText(t('error.reason.INVITATION_INVALID'));
  await picture(page, 'invitation');
});

test('nothing is fetched from anywhere else', async ({ page, baseURL }) => {
  const elsewhere: string[] = [];
  page.on('request', (request) => {
    if (!request.url().startsWith(String(baseURL)) && !/^(data|blob):/.test(request.url()))
      elsewhere.push(request.url());
  });
  await page.goto('/sign-in', { waitUntil: 'networkidle' });
  expect(elsewhere).toEqual([]);
});
