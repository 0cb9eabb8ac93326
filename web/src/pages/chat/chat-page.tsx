// The list of conversations beside the open one; on narrow screens one of the two.
import { MessageOutlined, PlusOutlined } from '@ant-design/icons';
import { Button } from 'antd';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useParams } from 'react-router-dom';
import { useNarrow } from '../../components/hooks';
import { ConversationList } from './conversation-list';
import { ConversationPane } from './conversation-pane';
import { StartConversationDialog } from './start-conversation-dialog';
import '../../styles/chat.css';

export default function ChatPage() {
  const { conversationId } = useParams();
  const narrow = useNarrow();
  const [starting, setStarting] = useState(false);
  const start = () => setStarting(true);
  return (
    <div className="chat">
      {!(narrow && conversationId) && <ConversationList openId={conversationId ?? ''} onStart={start} />}
      {conversationId && <ConversationPane key={conversationId} conversationId={conversationId} />}
      {!conversationId && !narrow && <NothingOpen onStart={start} />}
      <StartConversationDialog open={starting} onClose={() => setStarting(false)} />
    </div>
  );
}

function NothingOpen({ onStart }: { onStart: () => void }) {
  const { t } = useTranslation();
  return (
    <div className="chat-nothing">
      <span className="chat-nothing-icon" aria-hidden="true">
        <MessageOutlined />
      </span>
      <p>{t('chat.choose')}</p>
      <Button type="primary" icon={<PlusOutlined aria-hidden />} onClick={onStart}>
        {t('start.title')}
      </Button>
    </div>
  );
}
