// Languages of the client. A catalogue is loaded when its language is chosen; the choice is remembered.
import i18next, { type TFunction } from 'i18next';
import { initReactI18next } from 'react-i18next';
import type en from './en.json';

export const LANGUAGES = { 'zh-Hant-HK': '繁體中文', en: 'English', 'zh-Hans': '简体中文' } as const; // eslint-disable-line no-restricted-syntax
export type Language = keyof typeof LANGUAGES;
export type T = TFunction;

const KEY = 'kongsi.language';
const DEFAULT: Language = 'zh-Hant-HK';

declare module 'i18next' {
  interface CustomTypeOptions {
    resources: { translation: typeof en };
  }
}

const catalogues: Record<Language, () => Promise<{ default: object }>> = {
  'zh-Hant-HK': () => import('./zh-Hant-HK.json'),
  en: () => import('./en.json'),
  'zh-Hans': () => import('./zh-Hans.json'),
};

export async function startI18n(): Promise<void> {
  await i18next.use(initReactI18next).init({
    lng: 'none',
    fallbackLng: false,
    resources: {},
    interpolation: { escapeValue: false },
    react: { useSuspense: false },
  });
  await changeLanguage(rememberedLanguage());
}

export async function changeLanguage(language: Language): Promise<void> {
  const catalogue = await catalogues[language]();
  i18next.addResourceBundle(language, 'translation', catalogue.default);
  await i18next.changeLanguage(language);
  document.documentElement.lang = language;
  try {
    localStorage.setItem(KEY, language);
  } catch {
    // Not remembered, then.
  }
}

export function currentLanguage(): Language {
  return isLanguage(i18next.language) ? i18next.language : DEFAULT;
}

function rememberedLanguage(): Language {
  try {
    const language = localStorage.getItem(KEY);
    return isLanguage(language) ? language : DEFAULT;
  } catch {
    return DEFAULT;
  }
}

function isLanguage(value: string | null | undefined): value is Language {
  return value !== null && value !== undefined && value in LANGUAGES;
}
