// The state of conversations and messages, as pure functions: (state, event) → state. The rules of the server:
// * messages of a conversation are numbered 1, 2, 3, … without gaps;
// * a push is a hint, and may come twice, late, or not at all; lists by cursor are the truth;
// * one's own message comes back with the request_id it was sent with.
// So a thread keeps an unbroken run of messages; what arrives beyond it waits in `ahead` until the pull has filled the gap.
import type { Conversation, Member, Message, ReadCursor } from './model';

export interface PendingMessage {
  requestId: string;
  conversationId: string;
  text: string;
  createTime: string;
  status: 'sending' | 'failed';
  reason: string; // of the failure
}

export interface Thread {
  messages: readonly Message[]; // unbroken, by seq
  ahead: readonly Message[]; // by seq, beyond a gap
  hasOlder: boolean;
}

export interface ChatState {
  me: string;
  listed: boolean; // the conversations have been listed once
  conversations: Readonly<Record<string, Conversation>>;
  stale: Readonly<Record<string, true>>; // conversations whose unread count must be asked for
  threads: Readonly<Record<string, Thread>>; // of conversations opened so far
  members: Readonly<Record<string, readonly Member[]>>; // the same
  pending: readonly PendingMessage[]; // in order of sending
}

export type ChatEvent =
  | { type: 'signed_in'; userId: string; pending: PendingMessage[] }
  | { type: 'conversations_listed'; conversations: Conversation[] }
  | { type: 'conversation_got'; conversation: Conversation }
  | { type: 'conversation_removed'; conversationId: string }
  | {
      type: 'messages_listed';
      conversationId: string;
      messages: Message[];
      place: 'newest' | 'older' | 'after';
      hasMore: boolean;
    }
  | { type: 'message_received'; message: Message }
  | { type: 'members_listed'; conversationId: string; members: Member[] }
  | { type: 'cursor_moved'; cursor: ReadCursor }
  | { type: 'send_started'; pending: PendingMessage }
  | { type: 'send_failed'; requestId: string; reason: string }
  | { type: 'send_retried'; requestId: string }
  | { type: 'send_dropped'; requestId: string };

export const emptyChat: ChatState = {
  me: '',
  listed: false,
  conversations: {},
  stale: {},
  threads: {},
  members: {},
  pending: [],
};

export function reduceChat(state: ChatState, event: ChatEvent): ChatState {
  switch (event.type) {
    case 'signed_in':
      return { ...emptyChat, me: event.userId, pending: event.pending };
    case 'conversations_listed':
      return conversationsListed(state, event.conversations);
    case 'conversation_got':
      return withConversation(state, event.conversation);
    case 'conversation_removed':
      return conversationRemoved(state, event.conversationId);
    case 'messages_listed':
      return messagesListed(state, event);
    case 'message_received':
      return messageReceived(state, event.message);
    case 'members_listed':
      return { ...state, members: { ...state.members, [event.conversationId]: event.members } };
    case 'cursor_moved':
      return cursorMoved(state, event.cursor);
    case 'send_started':
      return { ...state, pending: [...state.pending, event.pending] };
    case 'send_failed':
      return withPending(state, event.requestId, { status: 'failed', reason: event.reason });
    case 'send_retried':
      return withPending(state, event.requestId, { status: 'sending', reason: '' });
    case 'send_dropped':
      return { ...state, pending: state.pending.filter((p) => p.requestId !== event.requestId) };
  }
}

/** Conversations by activity, the newest first. */
export function conversationsByActivity(state: ChatState): Conversation[] {
  const time = (c: Conversation) => Date.parse(c.activityTime) || 0;
  return Object.values(state.conversations).sort((a, b) => time(b) - time(a) || (a.id < b.id ? 1 : -1));
}

/** The newest seq of the thread's unbroken run; 0: none. */
export function threadEnd(thread: Thread): number {
  return thread.messages.at(-1)?.seq ?? 0;
}

/** Opened conversations that have messages beyond the unbroken run: list them after its end. */
export function conversationsBehind(state: ChatState): string[] {
  return Object.entries(state.threads)
    .filter(([id, thread]) => {
      const known = Math.max(state.conversations[id]?.lastSeq ?? 0, thread.ahead.at(-1)?.seq ?? 0);
      return known > threadEnd(thread);
    })
    .map(([id]) => id);
}

/** What to resume from: the last seq known of each conversation, the most recently active first. */
export function resumeCursors(state: ChatState, countMax: number): { conversationId: string; seq: number }[] {
  return conversationsByActivity(state)
    .slice(0, countMax)
    .map((c) => {
      const thread = state.threads[c.id];
      return { conversationId: c.id, seq: thread ? threadEnd(thread) : c.lastSeq };
    });
}

export interface ReceiptCounts {
  read: number;
  unread: number;
}

/** How many have and have not read a message: the members of now who had joined by then, its sender left out. */
export function receiptCounts(members: readonly Member[], message: Message): ReceiptCounts {
  const counts = { read: 0, unread: 0 };
  for (const member of members) {
    if (member.userId === message.senderId || member.joinSeq >= message.seq) continue;
    if (member.readSeq >= message.seq) counts.read += 1;
    else counts.unread += 1;
  }
  return counts;
}

export function unreadTotal(state: ChatState): number {
  return Object.values(state.conversations).reduce((sum, c) => sum + c.unreadCount, 0);
}

function conversationsListed(state: ChatState, list: Conversation[]): ChatState {
  const conversations: Record<string, Conversation> = {};
  for (const conversation of list) {
    conversations[conversation.id] = newerOf(state.conversations[conversation.id], conversation);
  }
  const kept = <T>(all: Readonly<Record<string, T>>) =>
    Object.fromEntries(Object.entries(all).filter(([id]) => conversations[id]));
  return {
    ...state,
    listed: true,
    conversations,
    stale: {},
    threads: kept(state.threads),
    members: kept(state.members),
  };
}

function withConversation(state: ChatState, conversation: Conversation): ChatState {
  const { [conversation.id]: _, ...stale } = state.stale;
  const newer = newerOf(state.conversations[conversation.id], conversation);
  return { ...state, stale, conversations: { ...state.conversations, [conversation.id]: newer } };
}

/** What was listed, unless a push has already brought something newer than the list knew. */
function newerOf(known: Conversation | undefined, listed: Conversation): Conversation {
  if (!known) return listed;
  const readSeq = Math.max(known.readSeq, listed.readSeq);
  if (known.lastSeq > listed.lastSeq) {
    const { lastSeq, lastMessage, activityTime, unreadCount } = known;
    return { ...listed, lastSeq, lastMessage, activityTime, unreadCount, readSeq };
  }
  return { ...listed, readSeq, unreadCount: readSeq >= listed.lastSeq ? 0 : listed.unreadCount };
}

function conversationRemoved(state: ChatState, id: string): ChatState {
  const without = <T>(all: Readonly<Record<string, T>>) => {
    const { [id]: _, ...rest } = all;
    return rest;
  };
  return {
    ...state,
    conversations: without(state.conversations),
    stale: without(state.stale),
    threads: without(state.threads),
    members: without(state.members),
    pending: state.pending.filter((p) => p.conversationId !== id),
  };
}

type MessagesListed = Extract<ChatEvent, { type: 'messages_listed' }>;

function messagesListed(state: ChatState, event: MessagesListed): ChatState {
  const known = state.threads[event.conversationId];
  let thread: Thread;
  if (event.place === 'newest' || !known) {
    // A window of its own: what was known is kept only where it joins without a gap.
    thread = grow({ messages: [], ahead: [], hasOlder: event.hasMore }, event.messages);
    if (known)
      thread = grow(
        thread,
        [...known.messages, ...known.ahead].filter((m) => m.seq > threadEnd(thread)),
      );
  } else {
    thread = grow(known, event.messages);
    if (event.place === 'older') thread = { ...thread, hasOlder: event.hasMore };
  }
  if (thread.messages[0]?.seq === 1) thread = { ...thread, hasOlder: false };
  const next = settle(
    { ...state, threads: { ...state.threads, [event.conversationId]: thread } },
    event.messages,
  );
  const newest = thread.messages.at(-1);
  return newest ? withLastMessage(next, newest, false) : next;
}

function messageReceived(state: ChatState, message: Message): ChatState {
  const thread = state.threads[message.conversationId];
  const threads = thread
    ? { ...state.threads, [message.conversationId]: grow(thread, [message]) }
    : state.threads;
  return withLastMessage(settle({ ...state, threads }, [message]), message, true);
}

/** Adds messages to a thread, in any order, known ones or new. */
function grow(thread: Thread, messages: readonly Message[]): Thread {
  const bySeq = new Map<number, Message>();
  for (const message of [...messages, ...thread.ahead, ...thread.messages]) bySeq.set(message.seq, message);
  const all = [...bySeq.values()].sort((a, b) => a.seq - b.seq);
  const first = thread.messages[0]?.seq;
  // An older page joins in front; an older message on its own, with a gap between, is for the page that brings it.
  let start = first === undefined ? 0 : all.findIndex((m) => m.seq === first);
  while (start > 0 && all[start - 1]?.seq === (all[start]?.seq ?? 0) - 1) start -= 1;
  let end = start;
  if (first === undefined && !thread.hasOlder && messages.length > 0 && all[0]?.seq !== 1) {
    return { ...thread, ahead: all }; // the thread was empty: the run starts at 1
  }
  while (end < all.length && all[end]?.seq === (all[start]?.seq ?? 0) + (end - start)) end += 1;
  return { ...thread, messages: all.slice(start, end), ahead: all.slice(end) };
}

/** One's own messages that have arrived are no longer pending. */
function settle(state: ChatState, messages: readonly Message[]): ChatState {
  const arrived = new Set(messages.filter((m) => m.senderId === state.me).map((m) => m.requestId));
  if (arrived.size === 0 || !state.pending.some((p) => arrived.has(p.requestId))) return state;
  return { ...state, pending: state.pending.filter((p) => !arrived.has(p.requestId)) };
}

/** The conversation's line in the list, moved on by a message. `pushed`: it counts as unread if it is news. */
function withLastMessage(state: ChatState, message: Message, pushed: boolean): ChatState {
  const known = state.conversations[message.conversationId];
  if (!known || message.seq <= known.lastSeq) return state;
  const skipped = message.seq > known.lastSeq + 1; // how many of those are others', only the server knows
  const counts = message.senderId !== state.me && message.seq > known.readSeq;
  const conversation: Conversation = {
    ...known,
    lastSeq: message.seq,
    lastMessage: message,
    activityTime: message.createTime,
    unreadCount: known.unreadCount + (counts ? 1 : 0),
  };
  return {
    ...state,
    conversations: { ...state.conversations, [known.id]: conversation },
    stale: skipped || !pushed ? { ...state.stale, [known.id]: true } : state.stale,
  };
}

function cursorMoved(state: ChatState, cursor: ReadCursor): ChatState {
  const id = cursor.conversationId;
  const members = state.members[id];
  let next = state;
  if (members?.some((m) => m.userId === cursor.userId && m.readSeq < cursor.readSeq)) {
    const moved = members.map((m) =>
      m.userId === cursor.userId ? { ...m, readSeq: cursor.readSeq, readTime: cursor.readTime } : m,
    );
    next = { ...next, members: { ...next.members, [id]: moved } };
  }
  const conversation = state.conversations[id];
  if (cursor.userId !== state.me || !conversation || cursor.readSeq <= conversation.readSeq) return next;
  const unreadCount = unreadAfter(state, conversation, cursor.readSeq);
  const read = {
    ...conversation,
    readSeq: cursor.readSeq,
    unreadCount: unreadCount ?? conversation.unreadCount,
  };
  return {
    ...next,
    conversations: { ...next.conversations, [id]: read },
    stale: unreadCount === null ? { ...next.stale, [id]: true } : next.stale,
  };
}

/** Messages of others after a seq, or null where only the server can count them. */
function unreadAfter(state: ChatState, conversation: Conversation, seq: number): number | null {
  if (seq >= conversation.lastSeq) return 0;
  const messages = state.threads[conversation.id]?.messages ?? [];
  const first = messages[0]?.seq ?? Infinity;
  const last = messages.at(-1)?.seq ?? 0;
  if (first > seq + 1 || last < conversation.lastSeq) return null;
  return messages.filter((m) => m.seq > seq && m.senderId !== state.me).length;
}

function withPending(state: ChatState, requestId: string, change: Partial<PendingMessage>): ChatState {
  return {
    ...state,
    pending: state.pending.map((p) => (p.requestId === requestId ? { ...p, ...change } : p)),
  };
}
