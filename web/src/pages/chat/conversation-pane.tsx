// The open conversation: header, messages, composer.
import { ArrowLeftOutlined, EllipsisOutlined } from '@ant-design/icons';
import { Button, Result } from 'antd';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate } from 'react-router-dom';
import { departmentName } from '../../components/department-name';
import { useLanguage, useNarrow } from '../../components/hooks';
import { PersonDrawer } from '../../components/person-drawer';
import { GroupAvatar, UserAvatar } from '../../components/user-avatar';
import type { Conversation } from '../../store/model';
import { useApp, useUser } from '../../store/store';
import { useSync } from '../../sync/context';
import { Composer } from './composer';
import { useConversationName } from './conversation-list';
import { GroupDrawer } from './group-drawer';
import { MessageList } from './message-list';

export function ConversationPane({ conversationId }: { conversationId: string }) {
  const { t } = useTranslation();
  const sync = useSync();
  const conversation = useApp((state) => state.chat.conversations[conversationId]);
  const listed = useApp((state) => state.chat.listed);
  useEffect(() => {
    if (!listed) return;
    sync.open(conversationId);
    return () => sync.close(conversationId);
  }, [sync, conversationId, listed]);

  if (!conversation) {
    if (!listed) return <div className="pane" />;
    return (
      <div className="pane">
        <Result status="info" title={t('chat.gone')} extra={<Link to="/">{t('chat.back')}</Link>} />
      </div>
    );
  }
  return (
    <section className="pane" aria-labelledby="pane-name">
      <PaneHeader conversation={conversation} />
      <MessageList conversation={conversation} />
      <Composer conversationId={conversationId} />
    </section>
  );
}

function PaneHeader({ conversation }: { conversation: Conversation }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const narrow = useNarrow();
  const name = useConversationName(conversation);
  const peer = useUser(conversation.peerId);
  const department = useApp((state) => state.directory.departments[peer?.departmentId ?? '']);
  const language = useLanguage();
  const [showing, setShowing] = useState(false);
  const group = conversation.kind === 'group';
  const detail = group
    ? t('group.memberCount', { count: conversation.memberCount })
    : [department && departmentName(department, language), peer?.title].filter(Boolean).join(' · ');
  return (
    <header className="pane-head">
      {narrow && (
        <Button
          type="text"
          icon={<ArrowLeftOutlined aria-hidden />}
          aria-label={t('chat.back')}
          onClick={() => navigate('/')}
        />
      )}
      {group ? (
        <GroupAvatar id={conversation.id} size={38} />
      ) : (
        <UserAvatar userId={conversation.peerId} size={38} />
      )}
      <div className="pane-title">
        <h2 id="pane-name">{name}</h2>
        <p>{detail}</p>
      </div>
      <Button
        type="text"
        icon={<EllipsisOutlined aria-hidden />}
        aria-label={t(group ? 'group.info' : 'person.info')}
        onClick={() => setShowing(true)}
      />
      {group ? (
        <GroupDrawer conversation={conversation} open={showing} onClose={() => setShowing(false)} />
      ) : (
        <PersonDrawer userId={conversation.peerId} open={showing} onClose={() => setShowing(false)} />
      )}
    </header>
  );
}
