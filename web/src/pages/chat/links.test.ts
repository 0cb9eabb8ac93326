import { expect, it } from 'vitest';
import { splitLinks } from './links';

it('finds web addresses and leaves the punctuation to the sentence', () => {
  expect(splitLinks('請看 https://kongsi.example/a?b=1。謝謝')).toEqual([
    { text: '請看 ', href: '' },
    { text: 'https://kongsi.example/a?b=1', href: 'https://kongsi.example/a?b=1' },
    { text: '。謝謝', href: '' },
  ]);
  expect(splitLinks('(http://a.example).').map((p) => p.href)).toEqual(['', 'http://a.example', '']);
});

it('makes no link of other schemes', () => {
  expect(splitLinks('javascript:alert(1) ftp://a')).toEqual([
    { text: 'javascript:alert(1) ftp://a', href: '' },
  ]);
  expect(splitLinks('')).toEqual([]);
});
