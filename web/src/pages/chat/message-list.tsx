import { DownOutlined } from '@ant-design/icons';
import { Button, Spin } from 'antd';
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useAttention, useLanguage, useNow } from '../../components/hooks';
import { dayHeading } from '../../i18n/format';
import { threadEnd } from '../../store/chat';
import type { Conversation, Message } from '../../store/model';
import { useApp } from '../../store/store';
import { useSync } from '../../sync/context';
import { MessageItem, PendingItem } from './message-item';
import { ReceiptsDialog } from './receipts-dialog';
import { messageRows, type Row } from './rows';

const NEAR_PX = 80; // this near to the end counts as there

export function MessageList({ conversation }: { conversation: Conversation }) {
  const { t } = useTranslation();
  const now = useNow();
  const { id } = conversation;
  const thread = useApp((state) => state.chat.threads[id]);
  const allPending = useApp((state) => state.chat.pending);
  const me = useApp((state) => state.chat.me);
  const pending = useMemo(() => allPending.filter((p) => p.conversationId === id), [allPending, id]);
  const [newAfter] = useState(conversation.unreadCount > 0 ? conversation.readSeq : Infinity);
  const messages = useMemo(() => thread?.messages ?? [], [thread]);
  const rows = useMemo(() => messageRows(messages, pending, newAfter, me), [messages, pending, newAfter, me]);
  const { box, atEnd, scrolled, toEnd } = useScroll(messages, pending.length, id);
  const [receiptsOf, setReceiptsOf] = useState<Message | null>(null);
  useMarkRead(id, thread ? threadEnd(thread) : 0, atEnd);

  return (
    <div className="messages-frame">
      {/* Scrollable, so it takes the focus: keyboards scroll it. */}
      <div
        className="messages"
        ref={box}
        onScroll={scrolled}
        tabIndex={0}
        role="region"
        aria-label={t('chat.messages')}
      >
        {(!thread || thread.hasOlder) && (
          <div className="messages-older" role="status" aria-label={t('common.loading')}>
            <Spin size="small" />
          </div>
        )}
        {thread && rows.length === 0 && <p className="messages-empty">{t('chat.sayHello')}</p>}
        <ol>
          {rows.map((row) => (
            <RowItem
              key={row.key}
              row={row}
              kind={conversation.kind}
              me={me}
              now={now}
              onReceipts={setReceiptsOf}
            />
          ))}
        </ol>
      </div>
      {!atEnd && (
        <Button className="messages-down" shape="round" icon={<DownOutlined aria-hidden />} onClick={toEnd}>
          {conversation.unreadCount > 0
            ? t('chat.newBelow', { count: conversation.unreadCount })
            : t('chat.toEnd')}
        </Button>
      )}
      <ReceiptsDialog message={receiptsOf} onClose={() => setReceiptsOf(null)} />
    </div>
  );
}

interface RowProps {
  row: Row;
  kind: Conversation['kind'];
  me: string;
  now: Date;
  onReceipts: (message: Message) => void;
}

function RowItem({ row, kind, me, now, onReceipts }: RowProps) {
  const { t } = useTranslation();
  const language = useLanguage();
  switch (row.kind) {
    case 'day':
      return (
        <li className="messages-day">
          <time dateTime={row.time}>{dayHeading(row.time, language, now)}</time>
        </li>
      );
    case 'new':
      return <li className="messages-new">{t('chat.newFromHere')}</li>;
    case 'message':
      return (
        <MessageItem
          message={row.message}
          first={row.first}
          last={row.last}
          own={row.message.senderId === me}
          kind={kind}
          onReceipts={onReceipts}
        />
      );
    case 'pending':
      return <PendingItem pending={row.pending} first={row.first} />;
  }
}

/** Keeps the end in view as messages come, the place in view as older ones are put in front, and asks for those in time. */
function useScroll(messages: readonly Message[], pendingCount: number, conversationId: string) {
  const sync = useSync();
  const box = useRef<HTMLDivElement>(null);
  const [atEnd, setAtEnd] = useState(true);
  const following = useRef(true);
  const before = useRef({ firstSeq: 0, height: 0, pendingCount: 0 });
  const firstSeq = messages[0]?.seq ?? 0;
  const hasOlder = useApp((state) => state.chat.threads[conversationId]?.hasOlder ?? false);

  const toEnd = useCallback(() => {
    const element = box.current;
    if (element) element.scrollTop = element.scrollHeight;
  }, []);
  const loadOlder = useCallback(() => {
    const element = box.current;
    if (element && hasOlder && element.scrollTop < element.clientHeight) {
      void sync.loadOlder(conversationId).catch(() => undefined);
    }
  }, [sync, conversationId, hasOlder]);
  const scrolled = useCallback(() => {
    const element = box.current;
    if (!element) return;
    following.current = element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_PX;
    setAtEnd(following.current);
    loadOlder();
  }, [loadOlder]);

  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const { firstSeq: oldFirst, height, pendingCount: oldPending } = before.current;
    if (pendingCount > oldPending || following.current) element.scrollTop = element.scrollHeight;
    else if (oldFirst > 0 && firstSeq < oldFirst) element.scrollTop += element.scrollHeight - height;
    before.current = { firstSeq, height: element.scrollHeight, pendingCount };
    loadOlder();
  }, [messages, firstSeq, pendingCount, loadOlder]);

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const observer = new ResizeObserver(() => following.current && toEnd()); // a keyboard comes up, the window changes
    observer.observe(element);
    return () => observer.disconnect();
  }, [toEnd]);
  return { box, atEnd, scrolled, toEnd };
}

/** What is on screen, with somebody before it, has been read. */
function useMarkRead(conversationId: string, endSeq: number, atEnd: boolean): void {
  const sync = useSync();
  const attention = useAttention();
  useEffect(() => {
    if (attention && atEnd && endSeq > 0) sync.readMarks.mark(conversationId, endSeq);
  }, [sync, conversationId, endSeq, atEnd, attention]);
}
