// Sends messages: one after the other in each conversation, by the socket when it is open, else by REST, again with the same
// request_id until the server has answered. What is not yet answered survives a reload of the page.
import { answer, api, ApiError } from '../api/client';
import { backoffMs } from '../realtime/backoff';
import { CommandError, type RealtimeSocket } from '../realtime/socket';
import type { PendingMessage } from '../store/chat';
import { messageFromJson, type Message } from '../store/model';
import { dispatch, store } from '../store/store';
import { uuid } from '../store/uuid';

const GIVE_UP_MS = 120_000; // then the person decides

export class Outbox {
  private readonly lines = new Map<string, Promise<void>>(); // by conversation
  private readonly sleepers = new Set<() => void>();
  private readonly unsubscribe: () => void;
  private stopped = false;

  constructor(
    private readonly socket: RealtimeSocket,
    private readonly userId: string,
    private readonly onSent: (message: Message) => void,
  ) {
    let saved = store.getState().chat.pending;
    this.unsubscribe = store.subscribe(({ chat }) => {
      if (chat.pending === saved) return;
      saved = chat.pending;
      this.save(saved);
    });
  }

  stop(): void {
    this.stopped = true;
    this.unsubscribe();
    this.wake();
  }

  send(conversationId: string, text: string): void {
    const createTime = new Date().toISOString();
    const pending: PendingMessage = {
      requestId: uuid(),
      conversationId,
      text,
      createTime,
      status: 'sending',
      reason: '',
    };
    dispatch({ type: 'send_started', pending });
    this.enqueue(pending);
  }

  retry(requestId: string): void {
    const pending = find(requestId);
    if (pending?.status !== 'failed') return;
    dispatch({ type: 'send_retried', requestId });
    this.enqueue(pending);
  }

  drop(requestId: string): void {
    dispatch({ type: 'send_dropped', requestId });
  }

  /** Goes on with what an earlier life of the page left. */
  resume(): void {
    for (const pending of store.getState().chat.pending)
      if (pending.status === 'sending') this.enqueue(pending);
  }

  /** The connection is back: what waits need not wait longer. */
  wake(): void {
    for (const wake of [...this.sleepers]) wake();
  }

  saved(): PendingMessage[] {
    try {
      return JSON.parse(sessionStorage.getItem(this.key) ?? '[]') as PendingMessage[];
    } catch {
      return [];
    }
  }

  private save(pending: readonly PendingMessage[]): void {
    try {
      if (pending.length === 0) sessionStorage.removeItem(this.key);
      else sessionStorage.setItem(this.key, JSON.stringify(pending));
    } catch {
      // Storage is full or forbidden: the messages live as long as the page.
    }
  }

  private get key(): string {
    return `kongsi.outbox.${this.userId}`;
  }

  private enqueue(pending: PendingMessage): void {
    const before = this.lines.get(pending.conversationId) ?? Promise.resolve();
    this.lines.set(
      pending.conversationId,
      before.then(() => this.deliver(pending)),
    );
  }

  private async deliver(pending: PendingMessage): Promise<void> {
    const start = Date.now();
    for (let attempt = 1; !this.stopped && find(pending.requestId); attempt += 1) {
      try {
        this.onSent(await this.sendOnce(pending));
        return;
      } catch (error) {
        const { reason, retriable } = failureOf(error);
        if (!retriable || Date.now() - start > GIVE_UP_MS) {
          dispatch({ type: 'send_failed', requestId: pending.requestId, reason });
          return;
        }
        await this.sleep(backoffMs(attempt));
      }
    }
  }

  private async sendOnce({ conversationId, requestId, text }: PendingMessage): Promise<Message> {
    const body = { request_id: requestId, text: { body: text } };
    if (this.socket.connected) {
      const frame = await this.socket.request({ send_message: { conversation_id: conversationId, ...body } });
      if (frame.message_sent) return messageFromJson(frame.message_sent);
    }
    const params = { path: { conversation_id: conversationId } };
    return messageFromJson(
      await answer(api.POST('/v1/conversations/{conversation_id}/messages', { params, body })),
    );
  }

  private sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.sleepers.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      this.sleepers.add(wake);
    });
  }
}

const RETRIABLE_CODES = new Set([4, 8, 14]); // DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, UNAVAILABLE

function failureOf(error: unknown): { reason: string; retriable: boolean } {
  if (error instanceof ApiError) return error;
  if (error instanceof CommandError) {
    return { reason: error.reason, retriable: error.retriable || RETRIABLE_CODES.has(error.code) };
  }
  throw error;
}

function find(requestId: string): PendingMessage | undefined {
  return store.getState().chat.pending.find((p) => p.requestId === requestId);
}
