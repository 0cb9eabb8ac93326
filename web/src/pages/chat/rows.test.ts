import { expect, it } from 'vitest';
import type { Message } from '../../store/model';
import { messageRows } from './rows';

function message(seq: number, senderId: string, time: Date): Message {
  return {
    id: `m${seq}`,
    conversationId: 'c',
    seq,
    senderId,
    createTime: time.toISOString(),
    requestId: `r${seq}`,
    text: '',
  };
}
const at = (day: number, hour: number, minute = 0) => new Date(2026, 10, day, hour, minute);

it('groups by day, marks what is new, joins runs of one sender', () => {
  const messages = [
    message(1, 'a', at(1, 9)),
    message(2, 'a', at(1, 9, 2)),
    message(3, 'me', at(1, 9, 3)),
    message(4, 'a', at(2, 9)),
  ];
  const rows = messageRows(messages, [], 3, 'me').map((row) =>
    row.kind === 'message' ? `${row.message.seq}${row.first ? '+' : ''}${row.last ? '.' : ''}` : row.kind,
  );
  expect(rows).toEqual(['day', '1+', '2.', '3+.', 'day', 'new', '4+.']);
});

it('marks nothing when everything had been read', () => {
  expect(messageRows([message(1, 'a', at(1, 9))], [], 1, 'me').map((row) => row.kind)).toEqual([
    'day',
    'message',
  ]);
});

it('keeps the key of one’s own message from pending to sent', () => {
  const pending = {
    requestId: 'r1',
    conversationId: 'c',
    text: '',
    createTime: '',
    status: 'sending' as const,
    reason: '',
  };
  const [before] = messageRows([], [pending], 0, 'me');
  const after = messageRows([message(1, 'me', at(1, 9))], [], 0, 'me').find((row) => row.kind === 'message');
  expect(before?.key).toBe(after?.key);
});
