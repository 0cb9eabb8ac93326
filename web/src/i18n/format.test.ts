import { expect, it } from 'vitest';
import { dayHeading, daysAgo, listTime, momentText } from './format';

const local = (day: number, hour: number, year = 2026) => new Date(year, 10, day, hour, 5).toISOString();
const now = new Date(2026, 10, 20, 9, 0);

it('counts days by the calendar, not by hours', () => {
  expect(daysAgo(local(19, 23), now)).toBe(1);
  expect(daysAgo(local(20, 0), now)).toBe(0);
});

it('says times in a list as short as can be', () => {
  expect(listTime(local(20, 8), 'zh-Hant-HK', now)).toBe('08:05');
  expect(listTime(local(19, 8), 'en', now)).toBe('Yesterday');
  expect(listTime(local(17, 8), 'en', now)).toBe('Tue');
  expect(listTime(local(1, 8), 'zh-Hant-HK', now)).toBe('1/11');
  expect(listTime('', 'en', now)).toBe('');
});

it('says days and moments', () => {
  expect(dayHeading(local(18, 8), 'zh-Hant-HK', now)).toContain('11月18日');
  expect(dayHeading(local(18, 8, 2025), 'en', now)).toContain('2025');
  expect(momentText(local(20, 8), 'en', now)).toBe('Today 08:05');
});
