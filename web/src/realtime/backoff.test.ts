import { expect, it } from 'vitest';
import { backoffMs } from './backoff';

it('doubles up to half a minute, spread by chance', () => {
  expect([1, 2, 3, 7, 50].map((n) => backoffMs(n, () => 1))).toEqual([500, 1000, 2000, 30_000, 30_000]);
  expect(backoffMs(3, () => 0)).toBe(1000);
});
