// What a person is told when the server says no.
import i18next from 'i18next';
import { ApiError } from '../api/client';
import type en from './en.json';
import type { T } from './index';

type Reason = keyof typeof en.error.reason;

export function errorText(error: unknown, t: T): string {
  if (!(error instanceof ApiError)) return t('error.unknown');
  if (error.status === 429 && error.retryAfterMs > 0) {
    return t('error.wait', { count: Math.ceil(error.retryAfterMs / 1000) });
  }
  return isReason(error.reason) ? t(`error.reason.${error.reason}`) : statusText(error.status, t);
}

/** The same of a reason alone, as the outbox keeps it. */
export function reasonText(reason: string, t: T): string {
  return isReason(reason) ? t(`error.reason.${reason}`) : t('error.unknown');
}

function statusText(status: number, t: T): string {
  if (status === 403) return t('error.reason.PERMISSION_MISSING');
  if (status === 404) return t('error.notFound');
  return status >= 500 ? t('error.reason.UNAVAILABLE') : t('error.unknown');
}

function isReason(reason: string): reason is Reason {
  return reason !== '' && i18next.exists(`error.reason.${reason}`);
}
