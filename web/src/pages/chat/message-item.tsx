import { ClockCircleOutlined, ExclamationCircleFilled } from '@ant-design/icons';
import { Button } from 'antd';
import { memo } from 'react';
import { useTranslation } from 'react-i18next';
import { useLanguage } from '../../components/hooks';
import { UserAvatar } from '../../components/user-avatar';
import { reasonText } from '../../i18n/errors';
import { clockTime } from '../../i18n/format';
import { receiptCounts, type PendingMessage } from '../../store/chat';
import type { Conversation, Message } from '../../store/model';
import { useApp, useUser } from '../../store/store';
import { useSync } from '../../sync/context';
import { splitLinks } from './links';

interface MessageProps {
  message: Message;
  first: boolean; // of a run of one sender: with name and picture
  last: boolean; // of the run: with the time
  own: boolean;
  kind: Conversation['kind'];
  onReceipts: (message: Message) => void;
}

export const MessageItem = memo(function MessageItem({
  message,
  first,
  last,
  own,
  kind,
  onReceipts,
}: MessageProps) {
  const language = useLanguage();
  const { t } = useTranslation();
  const sender = useUser(message.senderId);
  const name = own ? t('chat.me') : (sender?.displayName ?? t('chat.somebody'));
  const showName = first && !own && kind === 'group';
  return (
    <li
      className={`message ${own ? 'message-own' : ''} ${first ? 'message-first' : ''}`}
      data-seq={message.seq}
    >
      {!own && (
        <span className="message-side">{first && <UserAvatar userId={message.senderId} size={36} />}</span>
      )}
      <div className="message-body">
        <span className={showName ? 'message-name' : 'visually-hidden'}>{name}</span>
        <div className="bubble">
          <MessageText text={message.text} />
        </div>
        <div className={`message-foot ${own || last ? '' : 'message-foot-quiet'}`}>
          <time dateTime={message.createTime}>{clockTime(message.createTime, language)}</time>
          {own && <Receipts message={message} kind={kind} onReceipts={onReceipts} />}
        </div>
      </div>
    </li>
  );
});

function Receipts({ message, kind, onReceipts }: Pick<MessageProps, 'message' | 'kind' | 'onReceipts'>) {
  const { t } = useTranslation();
  const members = useApp((state) => state.chat.members[message.conversationId]);
  if (!members) return null;
  const { read, unread } = receiptCounts(members, message);
  if (read + unread === 0) return null;
  const all = unread === 0;
  const text =
    kind === 'direct' ? t(all ? 'receipts.read' : 'receipts.unread') : t('receipts.counts', { read, unread });
  return (
    <button
      type="button"
      className={`receipts ${all ? 'receipts-all' : ''}`}
      aria-haspopup="dialog"
      aria-label={t('receipts.open', { text })}
      onClick={() => onReceipts(message)}
    >
      {text}
    </button>
  );
}

export function PendingItem({ pending, first }: { pending: PendingMessage; first: boolean }) {
  const { t } = useTranslation();
  const sync = useSync();
  const failed = pending.status === 'failed';
  return (
    <li className={`message message-own message-pending ${first ? 'message-first' : ''}`}>
      <div className="message-body">
        <span className="visually-hidden">{t('chat.me')}</span>
        <div className="bubble">
          <MessageText text={pending.text} />
        </div>
        {failed ? (
          <div className="message-foot message-failed" role="alert">
            <ExclamationCircleFilled aria-hidden />
            <span>{t('pending.failed', { reason: reasonText(pending.reason, t) })}</span>
            <Button size="small" type="link" onClick={() => sync.outbox.retry(pending.requestId)}>
              {t('pending.retry')}
            </Button>
            <Button size="small" type="link" danger onClick={() => sync.outbox.drop(pending.requestId)}>
              {t('pending.drop')}
            </Button>
          </div>
        ) : (
          <div className="message-foot">
            <ClockCircleOutlined aria-hidden />
            <span>{t('pending.sending')}</span>
          </div>
        )}
      </div>
    </li>
  );
}

function MessageText({ text }: { text: string }) {
  return (
    <p dir="auto">
      {splitLinks(text).map((part, index) =>
        part.href ? (
          <a key={index} href={part.href} target="_blank" rel="noopener noreferrer nofollow">
            {part.text}
          </a>
        ) : (
          part.text
        ),
      )}
    </p>
  );
}
