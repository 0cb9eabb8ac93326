import { CloudSyncOutlined, DisconnectOutlined } from '@ant-design/icons';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useApp } from '../store/store';

const PATIENCE_MS = 1_500; // a short break is not worth a word

export function ConnectionBanner() {
  const { t } = useTranslation();
  const connection = useApp((state) => state.connection);
  const [late, setLate] = useState(false);
  const away = connection !== 'connected';
  useEffect(() => {
    setLate(false);
    if (!away) return;
    const timer = setTimeout(() => setLate(true), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, [away]);
  const offline = connection === 'offline';
  const shown = offline || (away && late);
  return (
    <div
      className={`connection ${offline ? 'connection-offline' : ''}`}
      role="status"
      data-state={connection}
    >
      {shown && (
        <p>
          {offline ? <DisconnectOutlined aria-hidden /> : <CloudSyncOutlined aria-hidden />}
          {offline
            ? t('connection.offline')
            : t(connection === 'connecting' ? 'connection.connecting' : 'connection.reconnecting')}
        </p>
      )}
    </div>
  );
}
