// Pictures of people. They need the access token, so an <img> cannot fetch them itself: they become object URLs, one per etag.
import { errorFromBody, fetchWithToken } from './client';

const CACHE_SIZE_MAX = 500;
const cache = new Map<string, Promise<string | null>>();

/** An object URL of the person's picture, or null when there is none to show. */
export function avatarUrl(userId: string, etag: string): Promise<string | null> {
  const key = `${userId}/${etag}`;
  let url = cache.get(key);
  if (!url) {
    url = load(userId);
    cache.set(key, url);
    url.then((value) => value ?? cache.delete(key));
    forgetOldest();
  }
  return url;
}

/** Stores one's own picture; returns its etag. */
export async function putAvatar(file: Blob): Promise<string> {
  const request = new Request('/v1/me/avatar', {
    method: 'PUT',
    headers: { 'Content-Type': file.type },
    body: file,
  });
  const response = await fetchWithToken(request);
  const body: unknown = await response.json().catch(() => undefined);
  if (!response.ok) throw errorFromBody(response, body);
  return (body as { avatar_etag: string }).avatar_etag;
}

async function load(userId: string): Promise<string | null> {
  try {
    const response = await fetchWithToken(new Request(`/v1/users/${userId}/avatar`));
    return response.ok ? URL.createObjectURL(await response.blob()) : null;
  } catch {
    return null;
  }
}

function forgetOldest(): void {
  const oldest = cache.keys().next();
  if (cache.size <= CACHE_SIZE_MAX || oldest.done) return;
  const url = cache.get(oldest.value);
  cache.delete(oldest.value);
  url?.then((value) => value && URL.revokeObjectURL(value));
}
