// Keeps the store in step with the server: pulls by REST, pushes by WebSocket. What a push leaves out, the state shows
// (a thread behind its conversation, a stale unread count), and it is pulled.
import { answer, api, ApiError, pull } from '../api/client';
import { accessToken, currentSession, onSessionChange, type Session } from '../api/session';
import type { ServerFrame } from '../realtime/frames';
import { RealtimeSocket, type ConnectionState } from '../realtime/socket';
import { loadRealtimeUrl } from '../realtime/url';
import { conversationsBehind, resumeCursors, threadEnd } from '../store/chat';
import {
  conversationFromJson,
  memberFromJson,
  messageFromJson,
  readCursorFromJson,
  type Conversation,
  type Member,
  type Message,
} from '../store/model';
import { dispatch, emptyApp, store } from '../store/store';
import { ensureUsers, loadDirectory, loadMe } from './directory-sync';
import { Outbox } from './outbox';
import { ReadMarks } from './read-marks';

const PAGE_SIZE = 50;
const CATCH_UP_PAGE_SIZE = 200;
const CATCH_UP_MESSAGES_MAX = 600; // beyond it, the newest page replaces the window
const CONVERSATION_PAGES_MAX = 50;
const MEMBER_PAGES_MAX = 20;
const RESUME_CURSORS_MAX = 500;
const POLL_INTERVAL_MS = 15_000; // while there is no socket
const RETRY_MS = 3_000;

export class ChatSync {
  readonly socket: RealtimeSocket;
  readonly outbox: Outbox;
  readonly readMarks: ReadMarks;
  private readonly busy = new Set<string>(); // "messages c1", "conversation c1": pulls under way
  private readonly stops: (() => void)[] = [];
  private openId = '';
  private wasConnected = false;
  private stopped = false;

  constructor(private readonly session: Session) {
    this.socket = new RealtimeSocket({
      url: loadRealtimeUrl,
      token: accessToken,
      cursors: () =>
        resumeCursors(store.getState().chat, RESUME_CURSORS_MAX).map((c) => ({
          conversation_id: c.conversationId,
          seq: String(c.seq),
        })),
      onPush: (frame) => this.push(frame),
      onState: (state) => this.connectionChanged(state),
    });
    this.outbox = new Outbox(this.socket, session.userId, (message) => this.receive(message));
    this.readMarks = new ReadMarks(this.socket);
  }

  async start(): Promise<void> {
    dispatch({ type: 'signed_in', userId: this.session.userId, pending: this.outbox.saved() });
    this.stops.push(store.subscribe(() => this.pullWhatIsMissing()));
    this.stops.push(onSessionChange((session) => session && void this.socket.renew(session.accessToken)));
    this.stops.push(every(POLL_INTERVAL_MS, () => this.poll()));
    this.stops.push(every(5_000, () => this.renewInTime()));
    void this.untilDone(loadMe);
    void this.untilDone(loadDirectory);
    await this.untilDone(() => this.listConversations());
    if (this.stopped) return;
    this.socket.start();
    this.outbox.resume();
  }

  stop(): void {
    this.stopped = true;
    this.stops.forEach((stop) => stop());
    this.socket.stop();
    this.outbox.stop();
    store.setState(emptyApp, true);
  }

  /** The conversation on screen: its newest messages and its members. */
  open(conversationId: string): void {
    this.openId = conversationId;
    void this.untilDone(() => this.getConversation(conversationId));
    void this.untilDone(() => this.listMembers(conversationId));
    if (!store.getState().chat.threads[conversationId])
      void this.untilDone(() => this.listNewest(conversationId));
  }

  close(conversationId: string): void {
    if (this.openId === conversationId) this.openId = '';
  }

  async loadOlder(conversationId: string): Promise<void> {
    const first = store.getState().chat.threads[conversationId]?.messages[0];
    if (!first) return;
    await this.once(`older ${conversationId}`, async () => {
      const query = { before_seq: String(first.seq), page_size: PAGE_SIZE };
      const path = { conversation_id: conversationId };
      const list = await pull(() =>
        api.GET('/v1/conversations/{conversation_id}/messages', { params: { path, query } }),
      );
      this.take(conversationId, list.messages ?? [], 'older', list.has_more ?? false);
    });
  }

  async listConversations(): Promise<void> {
    const conversations: Conversation[] = [];
    let page_token = '';
    for (let page = 0; page < CONVERSATION_PAGES_MAX; page += 1) {
      const query = { page_size: 200, ...(page_token && { page_token }) };
      const list = await pull(() => api.GET('/v1/conversations', { params: { query } }));
      conversations.push(...(list.conversations ?? []).map(conversationFromJson));
      page_token = list.next_page_token ?? '';
      if (!page_token) break;
    }
    if (this.stopped) return;
    dispatch({ type: 'conversations_listed', conversations });
    this.nameEverybody(conversations);
  }

  async getConversation(conversationId: string): Promise<void> {
    await this.once(`conversation ${conversationId}`, async () => {
      const path = { conversation_id: conversationId };
      try {
        const json = await pull(() => api.GET('/v1/conversations/{conversation_id}', { params: { path } }));
        const conversation = conversationFromJson(json);
        dispatch({ type: 'conversation_got', conversation });
        this.nameEverybody([conversation]);
      } catch (error) {
        if (!(error instanceof ApiError) || error.status !== 404) throw error;
        dispatch({ type: 'conversation_removed', conversationId });
      }
    });
  }

  async listMembers(conversationId: string): Promise<void> {
    await this.once(`members ${conversationId}`, async () => {
      const members: Member[] = [];
      let page_token = '';
      for (let page = 0; page < MEMBER_PAGES_MAX; page += 1) {
        const query = { page_size: 1000, ...(page_token && { page_token }) };
        const params = { path: { conversation_id: conversationId }, query };
        const list = await pull(() => api.GET('/v1/conversations/{conversation_id}/members', { params }));
        members.push(...(list.members ?? []).map(memberFromJson));
        page_token = list.next_page_token ?? '';
        if (!page_token) break;
      }
      dispatch({ type: 'members_listed', conversationId, members });
      void ensureUsers(members.map((member) => member.userId));
    });
  }

  private async listNewest(conversationId: string): Promise<void> {
    await this.once(`messages ${conversationId}`, async () => {
      const params = { path: { conversation_id: conversationId }, query: { page_size: PAGE_SIZE } };
      const list = await pull(() => api.GET('/v1/conversations/{conversation_id}/messages', { params }));
      this.take(conversationId, list.messages ?? [], 'newest', list.has_more ?? false);
    });
  }

  /** Fills the thread from its end to the newest message. */
  private async catchUp(conversationId: string): Promise<void> {
    const chat = () => store.getState().chat;
    const thread = chat().threads[conversationId];
    if (!thread) return;
    const missing = (chat().conversations[conversationId]?.lastSeq ?? 0) - threadEnd(thread);
    if (missing > CATCH_UP_MESSAGES_MAX) return this.listNewest(conversationId);
    await this.once(`messages ${conversationId}`, async () => {
      const start = threadEnd(thread);
      for (let more = true; more;) {
        const known = chat().threads[conversationId];
        if (!known) return;
        const query = { after_seq: String(threadEnd(known)), forward: true, page_size: CATCH_UP_PAGE_SIZE };
        const params = { path: { conversation_id: conversationId }, query };
        const list = await pull(() => api.GET('/v1/conversations/{conversation_id}/messages', { params }));
        this.take(conversationId, list.messages ?? [], 'after', false);
        more = (list.has_more ?? false) && (list.messages ?? []).length > 0;
      }
      const reached = chat().threads[conversationId];
      if (reached && threadEnd(reached) === start) await pause(RETRY_MS); // the server does not have it yet
    });
  }

  private take(
    conversationId: string,
    json: Parameters<typeof messageFromJson>[0][],
    place: 'newest' | 'older' | 'after',
    hasMore: boolean,
  ): void {
    const messages = json.map(messageFromJson);
    dispatch({ type: 'messages_listed', conversationId, messages, place, hasMore });
    void ensureUsers(messages.map((message) => message.senderId));
  }

  private push(frame: ServerFrame): void {
    if (frame.message) this.receive(messageFromJson(frame.message));
    else if (frame.read_cursor)
      dispatch({ type: 'cursor_moved', cursor: readCursorFromJson(frame.read_cursor) });
    else if (frame.conversation_changed) this.conversationChanged(frame.conversation_changed);
    else if (frame.pull_now) this.pullNow(frame.pull_now.conversation_ids ?? []);
    else if (frame.token_expiring) void accessToken(currentSession()?.accessToken).catch(() => undefined);
  }

  private receive(message: Message): void {
    const { chat } = store.getState();
    const known = chat.conversations[message.conversationId];
    if (!known) {
      void this.attempt(() => this.getConversation(message.conversationId));
      return;
    }
    const isNews = message.seq > known.lastSeq && message.senderId !== chat.me;
    dispatch({ type: 'message_received', message });
    void ensureUsers([message.senderId]);
    if (isNews) announce(message);
  }

  private conversationChanged(change: { conversation_id?: string; removed?: boolean }): void {
    const conversationId = change.conversation_id ?? '';
    if (change.removed) {
      dispatch({ type: 'conversation_removed', conversationId });
      return;
    }
    void this.attempt(() => this.getConversation(conversationId));
    if (store.getState().chat.members[conversationId])
      void this.attempt(() => this.listMembers(conversationId));
  }

  private pullNow(ids: string[]): void {
    if (ids.length === 0) void this.attempt(() => this.listConversations());
    for (const id of ids) void this.attempt(() => this.getConversation(id));
    this.refreshOpen();
  }

  private connectionChanged(connection: ConnectionState): void {
    store.setState({ connection });
    if (connection !== 'connected') return;
    this.outbox.wake();
    this.readMarks.flush();
    if (this.wasConnected) {
      // The socket resumes messages; conversations, members and read cursors may have changed too.
      void this.attempt(() => this.listConversations());
      this.refreshOpen();
    }
    this.wasConnected = true;
  }

  private refreshOpen(): void {
    const { openId } = this;
    if (openId) void this.attempt(() => this.listMembers(openId));
  }

  /** Without a socket (a proxy that knows no WebSocket) the client still works, slowly. */
  private poll(): void {
    const { connection, chat } = store.getState();
    if (connection === 'connected' || !navigator.onLine || !chat.listed) return;
    void this.attempt(() => this.listConversations());
    this.refreshOpen();
  }

  private renewInTime(): void {
    const session = currentSession();
    if (session && navigator.onLine && Date.now() >= session.renewAt)
      void accessToken().catch(() => undefined);
  }

  private pullWhatIsMissing(): void {
    const { chat } = store.getState();
    for (const id of conversationsBehind(chat)) {
      if (!this.busy.has(`messages ${id}`)) void this.attempt(() => this.catchUp(id));
    }
    for (const id of Object.keys(chat.stale)) {
      if (!this.busy.has(`conversation ${id}`)) void this.attempt(() => this.getConversation(id));
    }
  }

  private nameEverybody(conversations: Conversation[]): void {
    void ensureUsers(conversations.flatMap((c) => [c.peerId, c.lastMessage?.senderId ?? '']).filter(Boolean));
  }

  /** One pull of a kind at a time. */
  private async once(key: string, work: () => Promise<void>): Promise<void> {
    if (this.busy.has(key) || this.stopped) return;
    this.busy.add(key);
    try {
      await work();
    } catch (error) {
      await pause(RETRY_MS); // nobody asks again at once
      throw error;
    } finally {
      this.busy.delete(key);
    }
  }

  /** A pull that may fail: the next push, poll or reconnection asks again. */
  private async attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
    } finally {
      if (!this.stopped) queueMicrotask(() => this.pullWhatIsMissing());
    }
  }

  /** What the page cannot do without. */
  private async untilDone(work: () => Promise<void>): Promise<void> {
    while (!this.stopped) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (!error.retriable) return;
        await pause(RETRY_MS);
      }
    }
  }
}

function announce(message: Message): void {
  const name = store.getState().directory.users[message.senderId]?.displayName ?? '';
  store.setState({ announcement: name ? `${name}: ${message.text}` : message.text });
}

function every(ms: number, work: () => void): () => void {
  const timer = setInterval(work, ms);
  return () => clearInterval(timer);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Ends the session here and on the server. */
export async function signOut(): Promise<void> {
  await answer(api.POST('/v1/sessions:signOut', { body: {} })).catch(() => undefined);
}
