// What stands in the list of messages, made of messages: day headings, the line before what is new, runs of one sender.
import { daysAgo } from '../../i18n/format';
import type { PendingMessage } from '../../store/chat';
import type { Message } from '../../store/model';

const RUN_MS = 5 * 60_000;

export type Row =
  | { kind: 'day'; key: string; time: string }
  | { kind: 'new'; key: string }
  | { kind: 'message'; key: string; message: Message; first: boolean; last: boolean }
  | { kind: 'pending'; key: string; pending: PendingMessage; first: boolean };

/** `newAfter`: the seq up to which the person had read when the conversation was opened. */
export function messageRows(
  messages: readonly Message[],
  pending: readonly PendingMessage[],
  newAfter: number,
  me: string,
): Row[] {
  const rows: Row[] = [];
  let before: Message | undefined;
  let newShown = newAfter <= 0 && (messages[0]?.seq ?? 0) > 1;
  for (const message of messages) {
    const newDay = !before || daysAgo(before.createTime, new Date(message.createTime)) !== 0;
    if (newDay) rows.push({ kind: 'day', key: `day ${message.seq}`, time: message.createTime });
    const marks = !newShown && message.seq > newAfter && message.senderId !== me;
    if (marks) {
      newShown = true;
      if (before) rows.push({ kind: 'new', key: 'new' });
    }
    const first = newDay || marks || !before || !sameRun(before, message);
    const previousRow = rows.at(-1);
    // The key outlives the change from pending to sent, so that nothing flickers.
    rows.push({
      kind: 'message',
      key: message.senderId === me ? message.requestId || message.id : message.id,
      message,
      first,
      last: true,
    });
    if (!first && previousRow?.kind === 'message') previousRow.last = false;
    before = message;
  }
  let previous = before?.senderId === me;
  for (const item of pending) {
    rows.push({ kind: 'pending', key: item.requestId, pending: item, first: !previous });
    previous = true;
  }
  return rows;
}

function sameRun(a: Message, b: Message): boolean {
  return a.senderId === b.senderId && Date.parse(b.createTime) - Date.parse(a.createTime) < RUN_MS;
}
