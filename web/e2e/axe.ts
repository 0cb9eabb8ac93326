import AxeBuilder from '@axe-core/playwright';
import { expect, type Page } from '@playwright/test';

/** No violation that axe calls serious or critical. */
export async function expectAccessible(page: Page, what: string): Promise<void> {
  await page.waitForTimeout(400); // dialogs fade in, and half-faded text has no contrast
  const { violations } = await new AxeBuilder({ page })
    .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'])
    .analyze();
  const found = violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(
      ({ id, impact, nodes }) =>
        `${id} (${impact}): ${nodes.map((node) => node.html.slice(0, 160)).join(' | ')}`,
    );
  expect(found, what).toEqual([]);
}

export async function picture(page: Page, name: string): Promise<void> {
  await page.waitForTimeout(350);
  await page.screenshot({ path: `screenshots/${name}.png` });
}
