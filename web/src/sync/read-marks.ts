// Tells the server how far the person has read: a moment after the eyes were there, the newest place only, and again after a
// lost connection.
import { answer, api, ApiError } from '../api/client';
import { CommandError, type RealtimeSocket } from '../realtime/socket';
import { dispatch, store } from '../store/store';

const SETTLE_MS = 250;

export class ReadMarks {
  private readonly wanted = new Map<string, number>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly socket: RealtimeSocket) {}

  mark(conversationId: string, readSeq: number): void {
    const { chat } = store.getState();
    const conversation = chat.conversations[conversationId];
    if (!conversation || readSeq <= conversation.readSeq) return;
    const cursor = { conversationId, userId: chat.me, readSeq, readTime: new Date().toISOString() };
    dispatch({ type: 'cursor_moved', cursor });
    this.wanted.set(conversationId, readSeq);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.flush(), SETTLE_MS);
  }

  flush(): void {
    for (const [conversationId, seq] of this.wanted) void this.tell(conversationId, seq);
  }

  private async tell(conversationId: string, seq: number): Promise<void> {
    try {
      if (this.socket.connected) {
        await this.socket.request({ mark_read: { conversation_id: conversationId, seq: String(seq) } });
      } else {
        const params = { path: { conversation_id: conversationId } };
        const body = { seq: String(seq) };
        await answer(api.POST('/v1/conversations/{conversation_id}:markRead', { params, body }));
      }
    } catch (error) {
      if (!(error instanceof ApiError || error instanceof CommandError)) throw error;
      if (error.retriable) return; // flush() comes again with the connection
    }
    if (this.wanted.get(conversationId) === seq) this.wanted.delete(conversationId);
  }
}
