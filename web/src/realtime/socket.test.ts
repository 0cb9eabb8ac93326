import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { RealtimeSocket, type ConnectionState } from './socket';

/** The browser's WebSocket, with the server's side in the hands of the test. */
class FakeWebSocket {
  static readonly OPEN = 1;
  static all: FakeWebSocket[] = [];
  readyState = 0;
  sent: Record<string, unknown>[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;

  constructor(
    readonly url: string,
    readonly protocol: string,
  ) {
    FakeWebSocket.all.push(this);
  }

  send(data: string): void {
    this.sent.push(JSON.parse(data) as Record<string, unknown>);
  }

  close(): void {
    this.readyState = 3;
  }

  open(): void {
    this.readyState = FakeWebSocket.OPEN;
    this.onopen?.();
  }

  answer(frame: object): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  fail(code: number): void {
    this.readyState = 3;
    this.onclose?.({ code });
  }
}

const settle = () => vi.advanceTimersByTimeAsync(0);
const newest = () => FakeWebSocket.all.at(-1) as FakeWebSocket;

function setUp() {
  const states: ConnectionState[] = [];
  const pushes: object[] = [];
  const refused: (string | undefined)[] = [];
  const socket = new RealtimeSocket({
    url: () => Promise.resolve('ws://office.example/v1/realtime'),
    token: (token) => {
      refused.push(token);
      return Promise.resolve(token ? 'token-2' : 'token-1');
    },
    cursors: () => [{ conversation_id: 'c1', seq: '7' }],
    onPush: (frame) => pushes.push(frame),
    onState: (state) => states.push(state),
  });
  return { socket, states, pushes, refused };
}

async function signIn(): Promise<FakeWebSocket> {
  await settle();
  const server = newest();
  server.open();
  await settle();
  server.answer({ reply_to: String(server.sent[0]?.id), signed_in: { ping_interval_seconds: 30 } });
  await settle();
  return server;
}

beforeEach(() => {
  vi.useFakeTimers();
  FakeWebSocket.all = [];
  const listeners = { addEventListener: vi.fn(), removeEventListener: vi.fn() };
  vi.stubGlobal('WebSocket', FakeWebSocket);
  vi.stubGlobal('window', listeners);
  vi.stubGlobal('document', { ...listeners, visibilityState: 'visible' });
  vi.stubGlobal('navigator', { onLine: true });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it('signs in with its cursors, then answers find their commands', async () => {
  const { socket, states, pushes } = setUp();
  socket.start();
  const server = await signIn();
  expect(server.protocol).toBe('kongsi.v1+json');
  expect(server.sent[0]).toMatchObject({
    sign_in: { access_token: 'token-1', resume: [{ conversation_id: 'c1', seq: '7' }] },
  });
  expect(states.at(-1)).toBe('connected');

  const answer = socket.request({ mark_read: { conversation_id: 'c1', seq: '8' } });
  server.answer({ message: { seq: '8' } });
  server.answer({ reply_to: String(server.sent[1]?.id), read_marked: { read_seq: '8' } });
  await expect(answer).resolves.toMatchObject({ read_marked: { read_seq: '8' } });
  expect(pushes).toEqual([{ message: { seq: '8' } }]);
  socket.stop();
});

it('tells a refused command from one without an answer', async () => {
  const { socket } = setUp();
  socket.start();
  const server = await signIn();
  const refused = socket.request({ mark_read: { conversation_id: 'c1', seq: '9' } });
  server.answer({ reply_to: String(server.sent[1]?.id), error: { code: 3, reason: 'READ_BEYOND_END' } });
  await expect(refused).rejects.toMatchObject({ code: 3, reason: 'READ_BEYOND_END', retriable: false });

  const lost = socket.request({ mark_read: { conversation_id: 'c1', seq: '9' } });
  const outcome = expect(lost).rejects.toMatchObject({ code: 0, retriable: true });
  server.fail(1006);
  await outcome;
  socket.stop();
});

it('comes back after a loss, and with another token when the server wants one', async () => {
  const { socket, states, refused } = setUp();
  socket.start();
  (await signIn()).fail(4401);
  expect(states.at(-1)).toBe('reconnecting');
  await vi.advanceTimersByTimeAsync(1_000);
  expect(FakeWebSocket.all).toHaveLength(2);
  expect(refused).toEqual([undefined, 'token-1']);
  const server = await signIn();
  expect(server.sent[0]).toMatchObject({ sign_in: { access_token: 'token-2' } });
  expect(states.at(-1)).toBe('connected');
  socket.stop();
});

it('gives up a socket whose ping is not answered', async () => {
  const { socket } = setUp();
  socket.start();
  const server = await signIn();
  await vi.advanceTimersByTimeAsync(15_000);
  expect(server.sent.at(-1)).toMatchObject({ ping: {} });
  await vi.advanceTimersByTimeAsync(11_000);
  expect(server.readyState).toBe(3);
  expect(FakeWebSocket.all).toHaveLength(2);
  socket.stop();
});

it('waits as long as a server that restarts asks', async () => {
  const { socket } = setUp();
  socket.start();
  const server = await signIn();
  server.answer({ going: { reconnect_delay_ms: 4_000 } });
  server.fail(1001);
  await vi.advanceTimersByTimeAsync(3_900);
  expect(FakeWebSocket.all).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(200);
  expect(FakeWebSocket.all).toHaveLength(2);
  socket.stop();
});
