import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { currentLanguage, type Language } from '../i18n';

/** The language shown; the component follows when it changes. */
export function useLanguage(): Language {
  useTranslation();
  return currentLanguage();
}

/** A clock for "today" and "yesterday": ticks every minute. */
export function useNow(): Date {
  const [now, setNow] = useState(() => new Date());
  useEffect(() => {
    const timer = setInterval(() => setNow(new Date()), 60_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

export function useMediaQuery(query: string): boolean {
  const [matches, setMatches] = useState(() => window.matchMedia(query).matches);
  useEffect(() => {
    const list = window.matchMedia(query);
    const follow = () => setMatches(list.matches);
    follow();
    list.addEventListener('change', follow);
    return () => list.removeEventListener('change', follow);
  }, [query]);
  return matches;
}

/** One pane at a time: phones and narrow windows. */
export function useNarrow(): boolean {
  return useMediaQuery('(max-width: 767px)');
}

/** Whether a person may be looking: the page is visible and has the focus. */
export function useAttention(): boolean {
  const [attention, setAttention] = useState(hasAttention);
  useEffect(() => {
    const follow = () => setAttention(hasAttention());
    window.addEventListener('focus', follow);
    window.addEventListener('blur', follow);
    document.addEventListener('visibilitychange', follow);
    return () => {
      window.removeEventListener('focus', follow);
      window.removeEventListener('blur', follow);
      document.removeEventListener('visibilitychange', follow);
    };
  }, []);
  return attention;
}

function hasAttention(): boolean {
  return document.visibilityState === 'visible' && document.hasFocus();
}
