import { expect, it } from 'vitest';
import { sessionFromTokens } from './session';

const token = (payload: object) => `x.${btoa(JSON.stringify(payload)).replace(/=+$/, '')}.y`;

it('takes the life of a token from the difference of its times, not from this machine’s clock', () => {
  const wrongClock = 1_000_000;
  const session = sessionFromTokens(
    { access_token: token({ iat: 2_000_000_000, exp: 2_000_000_600 }) },
    wrongClock,
  );
  expect(session.expireAt - wrongClock).toBe(600_000);
  expect(session.renewAt - wrongClock).toBe(480_000);
});

it('assumes ten minutes of a token it cannot read', () => {
  expect(sessionFromTokens({ access_token: 'opaque' }, 0).expireAt).toBe(600_000);
});
