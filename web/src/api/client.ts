// The REST interface, typed by the OpenAPI document. Answers are values; failures are ApiError.
import createClient from 'openapi-fetch';
import { accessToken } from './session';
import type { components, paths } from './schema';

const TIMEOUT_MS = 20_000;
const PULL_ATTEMPTS_MAX = 3;
const PUBLIC = new Set(['/v1/sessions', '/v1/sessions:refresh', '/v1/invitations:accept', '/v1/jwks']);

export type Schemas = components['schemas'];

/** What the server answered, or status 0: no answer came. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly reason: string,
    message: string,
    readonly retryAfterMs = 0,
    readonly metadata: Record<string, string> = {},
  ) {
    super(message);
    this.name = 'ApiError';
  }

  /** Whether the same request may succeed later. After status 0 it may also have succeeded already. */
  get retriable(): boolean {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

export const api = createClient<paths>({ baseUrl: '/', fetch: fetchWithToken });

/** The value of an answer; throws ApiError. */
export async function answer<T>(
  call: Promise<{ data?: T; error?: unknown; response: Response }>,
): Promise<T> {
  const { data, error, response } = await call;
  if (!response.ok) throw errorFromBody(response, error);
  return data as T;
}

/** For reading: tries again after a short wait while the server is away or asks for patience. */
export async function pull<T>(
  call: () => Promise<{ data?: T; error?: unknown; response: Response }>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await answer(call());
    } catch (error) {
      if (!(error instanceof ApiError) || !error.retriable || attempt === PULL_ATTEMPTS_MAX) throw error;
      await sleep(Math.max(error.retryAfterMs, 300 * 2 ** attempt));
    }
  }
}

/** A fetch that carries the access token, and on 401 renews it and tries once more. */
export async function fetchWithToken(request: Request): Promise<Response> {
  if (PUBLIC.has(new URL(request.url).pathname)) return fetchOnce(request);
  const again = request.clone();
  const token = await tokenOrError();
  const response = await fetchOnce(withToken(request, token));
  if (response.status !== 401) return response;
  return fetchOnce(withToken(again, await tokenOrError(token)));
}

async function tokenOrError(refused?: string): Promise<string> {
  const token = await accessToken(refused).catch(() => {
    throw new ApiError(0, 'NETWORK', 'the session could not be renewed');
  });
  if (!token) throw new ApiError(401, 'TOKEN_MISSING', 'signed out');
  return token;
}

function withToken(request: Request, token: string): Request {
  request.headers.set('Authorization', `Bearer ${token}`);
  return request;
}

async function fetchOnce(request: Request): Promise<Response> {
  try {
    return await fetch(request, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch (error) {
    throw new ApiError(0, 'NETWORK', error instanceof Error ? error.message : 'no answer');
  }
}

export function errorFromBody(response: Response, body: unknown): ApiError {
  const error = (body as Schemas['Error'] | undefined)?.error;
  const detail = error?.details?.[0];
  const retryAfterMs = Number(response.headers.get('Retry-After') ?? 0) * 1000 || 0;
  return new ApiError(
    response.status,
    detail?.reason ?? '',
    error?.message ?? response.statusText,
    retryAfterMs,
    detail?.metadata ?? {},
  );
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
