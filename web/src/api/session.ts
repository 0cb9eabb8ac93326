// The tokens of the signed-in person: kept in localStorage, shared by all tabs, renewed before they expire. A refresh token
// works once, so only one tab renews at a time and the others take what it got.
import type { components } from './schema';

type SessionTokens = components['schemas']['SessionTokens'];

export interface Session {
  userId: string;
  sessionId: string;
  accessToken: string;
  refreshToken: string;
  renewAt: number; // epoch ms by this machine's clock: 80 % of the access token's life
  expireAt: number; // the same: its end
}

const KEY = 'kongsi.session';
const LOCK = 'kongsi.session.refresh';
const ACCESS_LIFE_DEFAULT_MS = 10 * 60_000;
const REFRESH_TIMEOUT_MS = 20_000;

type Listener = (session: Session | null) => void;
const listeners = new Set<Listener>();

/** The server could not be asked; the session may still be good. */
export class RefreshUnavailable extends Error {}

export function currentSession(): Session | null {
  try {
    const text = localStorage.getItem(KEY);
    return text ? (JSON.parse(text) as Session) : null;
  } catch {
    return null;
  }
}

/** Calls back when this or another tab signs in, renews or signs out. Returns the function that stops it. */
export function onSessionChange(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function startSession(tokens: SessionTokens): Session {
  const session = sessionFromTokens(tokens, Date.now());
  localStorage.setItem(KEY, JSON.stringify(session));
  announce();
  return session;
}

export function endSession(): void {
  localStorage.removeItem(KEY);
  announce();
}

/** An access token that is good for a while yet, or null: sign in. `refused`: the token the server no longer takes. */
export async function accessToken(refused?: string): Promise<string | null> {
  const session = currentSession();
  if (!session) return null;
  if (session.accessToken !== refused && Date.now() < session.renewAt) return session.accessToken;
  try {
    return await refresh(session.accessToken);
  } catch (error) {
    const usable = session.accessToken !== refused && Date.now() < session.expireAt;
    if (error instanceof RefreshUnavailable && usable) return session.accessToken;
    throw error;
  }
}

/** The life of the token by this machine's clock, however wrong that goes: only the difference of iat and exp counts. */
export function sessionFromTokens(tokens: SessionTokens, now: number): Session {
  const life = accessLifeMs(tokens.access_token ?? '');
  return {
    userId: tokens.user_id ?? '',
    sessionId: tokens.session_id ?? '',
    accessToken: tokens.access_token ?? '',
    refreshToken: tokens.refresh_token ?? '',
    renewAt: now + life * 0.8,
    expireAt: now + life,
  };
}

function accessLifeMs(token: string): number {
  try {
    const payload = (token.split('.')[1] ?? '').replace(/-/g, '+').replace(/_/g, '/');
    const { exp, iat } = JSON.parse(atob(payload)) as { exp: number; iat: number };
    return exp > iat ? (exp - iat) * 1000 : ACCESS_LIFE_DEFAULT_MS;
  } catch {
    return ACCESS_LIFE_DEFAULT_MS;
  }
}

let refreshing: Promise<string | null> | null = null;

/** Renews, once for all callers of this tab and, by a lock, of all tabs. `seen`: the access token the caller wants replaced. */
function refresh(seen: string): Promise<string | null> {
  refreshing ??= withLock(async () => {
    const session = currentSession();
    if (!session) return null;
    if (session.accessToken !== seen) return session.accessToken; // another tab was faster
    return exchange(session.refreshToken);
  }).finally(() => {
    refreshing = null;
  });
  return refreshing;
}

// Web Locks exist in secure contexts only; on plain HTTP in an office network the server's 5 seconds of grace must do.
async function withLock<T>(work: () => Promise<T>): Promise<T> {
  return 'locks' in navigator ? await navigator.locks.request(LOCK, work) : work();
}

async function exchange(refreshToken: string): Promise<string | null> {
  let response: Response;
  try {
    response = await fetch('/v1/sessions:refresh', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ refresh_token: refreshToken }),
      signal: AbortSignal.timeout(REFRESH_TIMEOUT_MS),
    });
  } catch {
    throw new RefreshUnavailable();
  }
  if (response.ok) return startSession((await response.json()) as SessionTokens).accessToken;
  if (response.status === 400 || response.status === 401) {
    endSession();
    return null;
  }
  throw new RefreshUnavailable();
}

function announce(): void {
  const session = currentSession();
  for (const listener of [...listeners]) listener(session);
}

if (typeof window !== 'undefined') {
  window.addEventListener('storage', (event) => {
    if (event.key === KEY || event.key === null) announce();
  });
}
