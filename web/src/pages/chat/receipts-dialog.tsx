import { Alert, Modal, Skeleton } from 'antd';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useLanguage, useNow } from '../../components/hooks';
import { UserAvatar } from '../../components/user-avatar';
import { errorText } from '../../i18n/errors';
import { momentText } from '../../i18n/format';
import { receiptCounts } from '../../store/chat';
import type { Message, Receipt } from '../../store/model';
import { useApp, useUser } from '../../store/store';
import { listReceipts } from '../../sync/actions';

interface Lists {
  read: Receipt[];
  unread: Receipt[];
}

/** Who has read a message and when, and who has not; follows live. */
export function ReceiptsDialog({ message, onClose }: { message: Message | null; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <Modal
      open={message !== null}
      onCancel={onClose}
      footer={null}
      title={t('receipts.title')}
      width={560}
      destroyOnHidden
    >
      {message && <ReceiptLists message={message} />}
    </Modal>
  );
}

function ReceiptLists({ message }: { message: Message }) {
  const { t } = useTranslation();
  const { conversationId, seq } = message;
  const members = useApp((state) => state.chat.members[conversationId]);
  const counts = receiptCounts(members ?? [], message);
  const [lists, setLists] = useState<Lists | null>(null);
  const [error, setError] = useState<unknown>(null);
  useEffect(() => {
    let current = true;
    listReceipts(conversationId, seq).then(
      (value) => current && (setLists(value), setError(null)),
      (failure: unknown) => current && setError(failure),
    );
    return () => {
      current = false;
    };
    // The counts follow the pushes: when they change, so have the lists.
  }, [conversationId, seq, counts.read, counts.unread]);
  if (error !== null && !lists) return <Alert type="error" showIcon message={errorText(error, t)} />;
  if (!lists) return <Skeleton active avatar paragraph={{ rows: 3 }} />;
  return (
    <div className="receipt-lists">
      <ReceiptList title={t('receipts.readBy', { count: lists.read.length })} receipts={lists.read} />
      <ReceiptList title={t('receipts.unreadBy', { count: lists.unread.length })} receipts={lists.unread} />
    </div>
  );
}

function ReceiptList({ title, receipts }: { title: string; receipts: Receipt[] }) {
  const { t } = useTranslation();
  return (
    <section>
      <h3>{title}</h3>
      {receipts.length === 0 && <p className="receipt-none">{t('receipts.nobody')}</p>}
      <ul>
        {receipts.map((receipt) => (
          <ReceiptItem key={receipt.userId} receipt={receipt} />
        ))}
      </ul>
    </section>
  );
}

function ReceiptItem({ receipt }: { receipt: Receipt }) {
  const { t } = useTranslation();
  const language = useLanguage();
  const now = useNow();
  const user = useUser(receipt.userId);
  return (
    <li className="receipt">
      <UserAvatar userId={receipt.userId} size={34} />
      <span className="receipt-name">{user?.displayName ?? t('chat.somebody')}</span>
      {receipt.readTime && (
        <time dateTime={receipt.readTime}>{momentText(receipt.readTime, language, now)}</time>
      )}
    </li>
  );
}
