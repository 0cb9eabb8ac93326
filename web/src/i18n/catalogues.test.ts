import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import en from './en.json';
import zhHans from './zh-Hans.json';
import zhHantHK from './zh-Hant-HK.json';

const catalogues: Record<string, object> = { en, 'zh-Hans': zhHans, 'zh-Hant-HK': zhHantHK };

function texts(catalogue: object, prefix = ''): [string, string][] {
  return Object.entries(catalogue).flatMap(([key, value]): [string, string][] =>
    typeof value === 'string' ? [[prefix + key, value]] : texts(value as object, `${prefix}${key}.`),
  );
}

// Chinese has one plural form, English two: they are one key.
const keys = (catalogue: object) =>
  [...new Set(texts(catalogue).map(([key]) => key.replace(/_(one|other)$/, '')))].sort();
const holes = (text: string) => [...text.matchAll(/{{(\w+)}}/g)].map((match) => match[1]).sort();

function sources(folder: string): string {
  return readdirSync(folder, { withFileTypes: true })
    .map((entry) => {
      if (entry.isDirectory()) return sources(join(folder, entry.name));
      return /(?<!\.test)\.tsx?$/.test(entry.name) && entry.name !== 'schema.ts'
        ? readFileSync(join(folder, entry.name), 'utf8')
        : '';
    })
    .join('\n');
}

describe.each(Object.entries(catalogues))('%s', (_, catalogue) => {
  it('has the same keys as the others', () => {
    expect(keys(catalogue)).toEqual(keys(en));
  });

  it('fills the same holes', () => {
    const english = new Map(texts(en).map(([key, text]) => [key.replace(/_(one|other)$/, ''), holes(text)]));
    for (const [key, text] of texts(catalogue)) {
      expect(holes(text), key).toEqual(english.get(key.replace(/_(one|other)$/, '')));
      expect(text.trim(), key).not.toBe('');
    }
  });
});

it('holds no text that nothing shows', () => {
  const code = sources(new URL('..', import.meta.url).pathname);
  const made = [...code.matchAll(/`([\w.]+\.)\$\{/g)].map((match) => match[1] ?? '');
  const unused = keys(en).filter(
    (key) => !code.includes(`'${key}'`) && !made.some((prefix) => key.startsWith(prefix)),
  );
  expect(unused).toEqual([]);
});
