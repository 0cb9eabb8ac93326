import { webcrypto } from 'node:crypto';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { CommandError, type RealtimeSocket } from '../realtime/socket';
import type { Message } from '../store/model';
import { dispatch, store } from '../store/store';
import { Outbox } from './outbox';

interface Sent {
  request_id: string;
  text: { body: string };
}

/** A socket that answers as the test says, one answer after the other. */
function fakeSocket(answers: (CommandError | 'sent')[]) {
  const sent: Sent[] = [];
  const request = (command: { send_message: Sent }) => {
    sent.push(command.send_message);
    const next = answers.shift() ?? 'sent';
    if (next !== 'sent') return Promise.reject(next);
    const { request_id, text } = command.send_message;
    const seq = String(new Set(sent.map((s) => s.request_id)).size);
    return Promise.resolve({
      message_sent: { id: seq, conversation_id: 'c1', seq, sender_id: 'me', request_id, text },
    });
  };
  return { sent, socket: { connected: true, request } as unknown as RealtimeSocket };
}

const lost = () => new CommandError(0, 'NETWORK', true);
const received = (message: Message) => dispatch({ type: 'message_received', message });
const pending = () => store.getState().chat.pending;

beforeEach(() => {
  vi.useFakeTimers();
  const kept = new Map<string, string>();
  vi.stubGlobal('crypto', webcrypto); // Node.js 18 has it by import only
  vi.stubGlobal('sessionStorage', {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => kept.set(key, value),
    removeItem: (key: string) => kept.delete(key),
  });
  dispatch({ type: 'signed_in', userId: 'me', pending: [] });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it('repeats a lost answer with the same request_id, and keeps the order', async () => {
  const { sent, socket } = fakeSocket([lost(), lost()]);
  const outbox = new Outbox(socket, 'me', received);
  outbox.send('c1', 'one');
  outbox.send('c1', 'two');
  expect(pending()).toHaveLength(2);
  await vi.runAllTimersAsync();
  expect(sent.map((s) => s.text.body)).toEqual(['one', 'one', 'one', 'two']);
  expect(new Set(sent.slice(0, 3).map((s) => s.request_id)).size).toBe(1);
  outbox.stop();
});

it('leaves a refused message to the person, who tries again with the same request_id', async () => {
  const { sent, socket } = fakeSocket([new CommandError(5, 'CONVERSATION_NOT_FOUND', false)]);
  const outbox = new Outbox(socket, 'me', received);
  outbox.send('c1', 'one');
  await vi.runAllTimersAsync();
  expect(pending()[0]).toMatchObject({ status: 'failed', reason: 'CONVERSATION_NOT_FOUND' });
  outbox.retry(pending()[0]?.requestId ?? '');
  await vi.runAllTimersAsync();
  expect(sent).toHaveLength(2);
  expect(sent[0]?.request_id).toBe(sent[1]?.request_id);
  outbox.stop();
});

it('gives up after two minutes without an answer', async () => {
  const { socket } = fakeSocket(Array.from({ length: 100 }, lost));
  const outbox = new Outbox(socket, 'me', received);
  outbox.send('c1', 'one');
  await vi.advanceTimersByTimeAsync(180_000);
  expect(pending()[0]?.status).toBe('failed');
  outbox.stop();
});

it('goes on after a reload of the page', async () => {
  const first = fakeSocket(Array.from({ length: 100 }, lost));
  const outbox = new Outbox(first.socket, 'me', received);
  outbox.send('c1', 'one');
  await vi.advanceTimersByTimeAsync(100);
  outbox.stop();

  const second = fakeSocket([]);
  const later = new Outbox(second.socket, 'me', received);
  dispatch({ type: 'signed_in', userId: 'me', pending: later.saved() });
  later.resume();
  await vi.runAllTimersAsync();
  expect(second.sent.map((s) => s.request_id)).toEqual([first.sent[0]?.request_id]);
  later.stop();
});
