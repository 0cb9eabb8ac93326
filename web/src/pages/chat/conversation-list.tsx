import { EditOutlined, SearchOutlined } from '@ant-design/icons';
import { Button, Empty, Input, Skeleton, Tooltip } from 'antd';
import { memo, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router-dom';
import { useLanguage, useNow } from '../../components/hooks';
import { GroupAvatar, UserAvatar } from '../../components/user-avatar';
import { listTime } from '../../i18n/format';
import { conversationsByActivity } from '../../store/chat';
import type { Conversation, User } from '../../store/model';
import { useApp, useUser } from '../../store/store';

interface ListProps {
  openId: string;
  onStart: () => void;
}

export function ConversationList({ openId, onStart }: ListProps) {
  const { t } = useTranslation();
  const now = useNow();
  const chat = useApp((state) => state.chat);
  const users = useApp((state) => state.directory.users);
  const [query, setQuery] = useState('');
  const conversations = useMemo(() => conversationsByActivity(chat), [chat]);
  const shown = useMemo(() => filtered(conversations, users, query), [conversations, users, query]);
  return (
    <section className="list" aria-label={t('chat.conversations')}>
      <header className="list-head">
        <h1>{t('chat.conversations')}</h1>
        <Tooltip title={t('start.title')}>
          <Button
            type="primary"
            shape="circle"
            icon={<EditOutlined aria-hidden />}
            aria-label={t('start.title')}
            onClick={onStart}
          />
        </Tooltip>
      </header>
      <div className="list-search">
        <Input
          allowClear
          prefix={<SearchOutlined aria-hidden />}
          placeholder={t('chat.filter')}
          aria-label={t('chat.filter')}
          value={query}
          onChange={(event) => setQuery(event.target.value)}
        />
      </div>
      {!chat.listed && <Skeleton className="list-skeleton" active avatar paragraph={{ rows: 5 }} />}
      {chat.listed && shown.length === 0 && (
        <Empty
          className="list-empty"
          image={Empty.PRESENTED_IMAGE_SIMPLE}
          description={t(query ? 'chat.noneFound' : 'chat.noneYet')}
        />
      )}
      <ul className="list-items">
        {shown.map((conversation) => (
          <Item
            key={conversation.id}
            conversation={conversation}
            open={conversation.id === openId}
            now={now}
            me={chat.me}
          />
        ))}
      </ul>
    </section>
  );
}

interface ItemProps {
  conversation: Conversation;
  open: boolean;
  now: Date;
  me: string;
}

const Item = memo(function Item({ conversation, open, now, me }: ItemProps) {
  const { t } = useTranslation();
  const language = useLanguage();
  const name = useConversationName(conversation);
  const { id, kind, peerId, unreadCount, activityTime } = conversation;
  return (
    <li>
      <Link
        to={`/conversations/${id}`}
        className={`item ${open ? 'item-open' : ''}`}
        aria-current={open ? 'true' : undefined}
      >
        {kind === 'group' ? <GroupAvatar id={id} size={46} /> : <UserAvatar userId={peerId} size={46} />}
        <span className="item-text">
          <span className="item-line">
            <span className="item-name">{name}</span>
            <time className="item-time" dateTime={activityTime}>
              {listTime(activityTime, language, now)}
            </time>
          </span>
          <span className="item-line">
            <Preview conversation={conversation} me={me} />
            {unreadCount > 0 && (
              <span className="item-unread">
                <span aria-hidden="true">{unreadCount > 99 ? '99+' : unreadCount}</span>
                <span className="visually-hidden">{t('chat.unread', { count: unreadCount })}</span>
              </span>
            )}
          </span>
        </span>
      </Link>
    </li>
  );
});

function Preview({ conversation, me }: { conversation: Conversation; me: string }) {
  const { t } = useTranslation();
  const message = conversation.lastMessage;
  const sender = useUser(message?.senderId ?? '');
  if (!message) return <span className="item-preview">{t('chat.noMessages')}</span>;
  const author =
    message.senderId === me ? t('chat.me') : conversation.kind === 'group' ? shortName(sender) : '';
  return (
    <span className="item-preview">
      {author ? t('chat.preview', { author, text: message.text }) : message.text}
    </span>
  );
}

/** What a conversation is called for the person who looks at it. */
export function useConversationName(conversation: Conversation | undefined): string {
  const { t } = useTranslation();
  const peer = useUser(conversation?.peerId ?? '');
  if (!conversation) return '';
  return conversation.kind === 'group' ? conversation.name : (peer?.displayName ?? t('chat.somebody'));
}

function shortName(user: User | undefined): string {
  return user ? user.preferredName || user.chineseName || user.displayName : '';
}

function filtered(
  conversations: Conversation[],
  users: Readonly<Record<string, User>>,
  query: string,
): Conversation[] {
  const wanted = query.trim().toLocaleLowerCase();
  if (!wanted) return conversations;
  return conversations.filter((conversation) => {
    const name =
      conversation.kind === 'group' ? conversation.name : (users[conversation.peerId]?.displayName ?? '');
    return name.toLocaleLowerCase().includes(wanted);
  });
}
