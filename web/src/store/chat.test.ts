import { describe, expect, it } from 'vitest';
import {
  conversationsBehind,
  conversationsByActivity,
  emptyChat,
  receiptCounts,
  reduceChat,
  resumeCursors,
  unreadTotal,
  type ChatEvent,
  type ChatState,
} from './chat';
import type { Conversation, Member, Message } from './model';

const C = 'c1';

function message(seq: number, senderId = 'other', requestId = `r${seq}`): Message {
  const createTime = new Date(Date.UTC(2026, 10, 2, 1, 0, seq)).toISOString();
  return { id: `m${seq}`, conversationId: C, seq, senderId, createTime, requestId, text: `text ${seq}` };
}

function conversation(change: Partial<Conversation> = {}): Conversation {
  return {
    id: C,
    kind: 'group',
    name: 'Shop floor',
    peerId: '',
    ownerId: 'me',
    memberCount: 3,
    lastSeq: 0,
    lastMessage: null,
    readSeq: 0,
    unreadCount: 0,
    activityTime: '2026-11-02T00:00:00Z',
    role: 'member',
    ...change,
  };
}

function play(events: ChatEvent[], from: ChatState = { ...emptyChat, me: 'me' }): ChatState {
  return events.reduce(reduceChat, from);
}

function opened(count: number): ChatState {
  const messages = Array.from({ length: count }, (_, i) => message(i + 1));
  return play([
    {
      type: 'conversations_listed',
      conversations: [conversation({ lastSeq: count, lastMessage: messages.at(-1) ?? null })],
    },
    { type: 'messages_listed', conversationId: C, messages, place: 'newest', hasMore: false },
  ]);
}

const seqs = (state: ChatState) => state.threads[C]?.messages.map((m) => m.seq);
const receive = (m: Message): ChatEvent => ({ type: 'message_received', message: m });
const pending = (requestId: string): ChatEvent => ({
  type: 'send_started',
  pending: { requestId, conversationId: C, text: 'hello', createTime: '', status: 'sending', reason: '' },
});

describe('messages', () => {
  it('append in order', () => {
    const state = play([receive(message(3)), receive(message(4))], opened(2));
    expect(seqs(state)).toEqual([1, 2, 3, 4]);
    expect(conversationsBehind(state)).toEqual([]);
  });

  it('come twice and are kept once', () => {
    const state = play([receive(message(3)), receive(message(3)), receive(message(2))], opened(2));
    expect(seqs(state)).toEqual([1, 2, 3]);
    expect(state.conversations[C]?.unreadCount).toBe(1);
  });

  it('beyond a gap wait until the pull has filled it', () => {
    let state = play([receive(message(5))], opened(2));
    expect(seqs(state)).toEqual([1, 2]);
    expect(conversationsBehind(state)).toEqual([C]);
    state = play(
      [
        {
          type: 'messages_listed',
          conversationId: C,
          messages: [message(3), message(4)],
          place: 'after',
          hasMore: false,
        },
      ],
      state,
    );
    expect(seqs(state)).toEqual([1, 2, 3, 4, 5]);
    expect(conversationsBehind(state)).toEqual([]);
  });

  it('out of order come into order', () => {
    const state = play([receive(message(5)), receive(message(4)), receive(message(3))], opened(2));
    expect(seqs(state)).toEqual([1, 2, 3, 4, 5]);
  });

  it('of an empty conversation begin at 1', () => {
    let state = play([receive(message(2))], opened(0));
    expect(seqs(state)).toEqual([]);
    expect(conversationsBehind(state)).toEqual([C]);
    state = play([receive(message(1))], state);
    expect(seqs(state)).toEqual([1, 2]);
  });

  it('of an older page join in front', () => {
    const page = (from: number, to: number) =>
      Array.from({ length: to - from + 1 }, (_, i) => message(to - i));
    const state = play([
      { type: 'conversations_listed', conversations: [conversation({ lastSeq: 6 })] },
      { type: 'messages_listed', conversationId: C, messages: page(4, 6), place: 'newest', hasMore: true },
      { type: 'messages_listed', conversationId: C, messages: page(1, 3), place: 'older', hasMore: false },
    ]);
    expect(seqs(state)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(state.threads[C]?.hasOlder).toBe(false);
  });

  it('listed as newest again after a long absence replace a window they do not reach', () => {
    const state = play(
      [
        {
          type: 'messages_listed',
          conversationId: C,
          messages: [message(90), message(91)],
          place: 'newest',
          hasMore: true,
        },
      ],
      opened(2),
    );
    expect(seqs(state)).toEqual([90, 91]);
    expect(state.threads[C]?.hasOlder).toBe(true);
  });

  it('listed as newest keep pushes that overtook the list', () => {
    const state = play(
      [
        receive(message(4)),
        {
          type: 'messages_listed',
          conversationId: C,
          messages: [message(2), message(3)],
          place: 'newest',
          hasMore: true,
        },
      ],
      opened(2),
    );
    expect(seqs(state)).toEqual([2, 3, 4]);
  });

  it('of a conversation not opened only move its line in the list', () => {
    const state = play([
      { type: 'conversations_listed', conversations: [conversation({ lastSeq: 2, readSeq: 2 })] },
      receive(message(3)),
    ]);
    expect(state.threads[C]).toBeUndefined();
    expect(state.conversations[C]).toMatchObject({ lastSeq: 3, unreadCount: 1 });
    expect(state.conversations[C]?.lastMessage?.text).toBe('text 3');
  });
});

describe('sending', () => {
  it('ends when the message comes back with its request_id, by push or answer, once', () => {
    const state = play([pending('r3'), receive(message(3, 'me')), receive(message(3, 'me'))], opened(2));
    expect(state.pending).toEqual([]);
    expect(seqs(state)).toEqual([1, 2, 3]);
    expect(state.conversations[C]?.unreadCount).toBe(0);
  });

  it('does not end by the same request_id of somebody else', () => {
    const state = play([pending('r3'), receive(message(3, 'other'))], opened(2));
    expect(state.pending).toHaveLength(1);
  });

  it('ends when a pull brings the message after its answer was lost', () => {
    const state = play(
      [
        pending('r3'),
        { type: 'send_failed', requestId: 'r3', reason: 'NETWORK' },
        {
          type: 'messages_listed',
          conversationId: C,
          messages: [message(3, 'me')],
          place: 'after',
          hasMore: false,
        },
      ],
      opened(2),
    );
    expect(state.pending).toEqual([]);
  });

  it('fails, is tried again, is dropped', () => {
    let state = play(
      [pending('r3'), { type: 'send_failed', requestId: 'r3', reason: 'RATE_LIMITED' }],
      opened(2),
    );
    expect(state.pending[0]).toMatchObject({ status: 'failed', reason: 'RATE_LIMITED' });
    state = play([{ type: 'send_retried', requestId: 'r3' }], state);
    expect(state.pending[0]?.status).toBe('sending');
    expect(play([{ type: 'send_dropped', requestId: 'r3' }], state).pending).toEqual([]);
  });
});

describe('conversations', () => {
  it('stand in order of activity', () => {
    const state = play([
      {
        type: 'conversations_listed',
        conversations: [
          conversation({ id: 'c2', activityTime: '2026-11-02T00:00:05Z' }),
          conversation({ id: C, activityTime: '2026-11-01T00:00:00Z' }),
        ],
      },
      receive({ ...message(1), createTime: '2026-11-02T00:00:05.123Z' }),
    ]);
    expect(conversationsByActivity(state).map((c) => c.id)).toEqual([C, 'c2']);
  });

  it('keep what a push brought while an older list was on its way', () => {
    const state = play(
      [receive(message(3)), { type: 'conversation_got', conversation: conversation({ lastSeq: 2 }) }],
      opened(2),
    );
    expect(state.conversations[C]).toMatchObject({ lastSeq: 3, unreadCount: 1 });
  });

  it('that skipped messages ask for their unread count', () => {
    const state = play([receive(message(9))], opened(2));
    expect(state.stale[C]).toBe(true);
    expect(
      play([{ type: 'conversation_got', conversation: conversation({ lastSeq: 9 }) }], state).stale[C],
    ).toBeUndefined();
  });

  it('that ended leave with everything of theirs', () => {
    const state = play([pending('x'), { type: 'conversation_removed', conversationId: C }], opened(2));
    expect(state.conversations[C]).toBeUndefined();
    expect(state.threads[C]).toBeUndefined();
    expect(state.pending).toEqual([]);
  });

  it('resume from the unbroken run where opened, else from the last seq', () => {
    const state = play(
      [
        { type: 'conversation_got', conversation: conversation({ id: 'c2', lastSeq: 7 }) },
        receive(message(5)),
      ],
      opened(2),
    );
    expect(resumeCursors(state, 500)).toEqual([
      { conversationId: C, seq: 2 },
      { conversationId: 'c2', seq: 7 },
    ]);
    expect(resumeCursors(state, 1)).toHaveLength(1);
  });
});

describe('reading', () => {
  const cursor = (userId: string, readSeq: number): ChatEvent => ({
    type: 'cursor_moved',
    cursor: { conversationId: C, userId, readSeq, readTime: '2026-11-02T02:00:00Z' },
  });
  const member = (userId: string, readSeq: number, joinSeq = 0): Member => ({
    userId,
    role: 'member',
    readSeq,
    readTime: '',
    joinSeq,
  });

  it('one’s own cursor clears the unread count', () => {
    const state = play([receive(message(3)), receive(message(4)), cursor('me', 4)], opened(2));
    expect(state.conversations[C]).toMatchObject({ readSeq: 4, unreadCount: 0 });
    expect(unreadTotal(state)).toBe(0);
  });

  it('one’s own cursor, moved by another device, leaves what comes after it', () => {
    const state = play([receive(message(3)), receive(message(4)), cursor('me', 3)], opened(2));
    expect(state.conversations[C]?.unreadCount).toBe(1);
  });

  it('the cursor never goes back', () => {
    const state = play([cursor('me', 2), cursor('me', 1)], opened(2));
    expect(state.conversations[C]?.readSeq).toBe(2);
  });

  it('counts receipts without the sender and without those who joined later', () => {
    const members = [
      member('me', 0),
      member('a', 5),
      member('b', 4),
      member('late', 9, 6),
      member('early', 0, 4),
    ];
    expect(receiptCounts(members, message(5, 'me'))).toEqual({ read: 1, unread: 2 });
  });

  it('receipts follow the cursors live', () => {
    const state = play(
      [
        {
          type: 'members_listed',
          conversationId: C,
          members: [member('me', 2), member('a', 0), member('b', 0)],
        },
        cursor('a', 2),
      ],
      opened(2),
    );
    expect(receiptCounts(state.members[C] ?? [], message(2, 'me'))).toEqual({ read: 1, unread: 1 });
  });
});
