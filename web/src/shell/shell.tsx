// The frame of every signed-in page: navigation, connection state, the running sync.
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Navigate, Outlet, useMatch } from 'react-router-dom';
import { currentSession, onSessionChange, type Session } from '../api/session';
import { useNarrow } from '../components/hooks';
import { unreadTotal } from '../store/chat';
import { useApp } from '../store/store';
import { ChatSync } from '../sync/chat-sync';
import { SyncContext } from '../sync/context';
import { ConnectionBanner } from './connection-banner';
import { Navigation } from './navigation';
import '../styles/shell.css';

export default function Shell() {
  const session = useSession();
  return session ? (
    <SignedIn key={session.sessionId} session={session} />
  ) : (
    <Navigate to="/sign-in" replace />
  );
}

function SignedIn({ session }: { session: Session }) {
  const { t } = useTranslation();
  const sync = useRunningSync(session);
  const narrow = useNarrow();
  const inConversation = useMatch('/conversations/:conversationId') !== null;
  const announcement = useApp((state) => state.announcement);
  useTitle();
  if (!sync) return null;
  return (
    <SyncContext.Provider value={sync}>
      <div className="shell">
        <a className="skip-link" href="#content">
          {t('common.skip')}
        </a>
        {!(narrow && inConversation) && <Navigation />}
        <div className="shell-content">
          <ConnectionBanner />
          <main id="content" tabIndex={-1}>
            <Outlet />
          </main>
        </div>
        <div className="visually-hidden" aria-live="polite">
          {announcement}
        </div>
      </div>
    </SyncContext.Provider>
  );
}

/** The session, followed across tabs; null when it has ended. */
function useSession(): Session | null {
  const [session, setSession] = useState(currentSession);
  useEffect(
    () =>
      onSessionChange((next) => {
        // Renewed tokens are nobody's business here; another session is another page.
        setSession((known) => (known?.sessionId === next?.sessionId ? known : next));
      }),
    [],
  );
  return session;
}

function useRunningSync(session: Session): ChatSync | null {
  const [sync, setSync] = useState<ChatSync | null>(null);
  useEffect(() => {
    const running = new ChatSync(session);
    setSync(running);
    void running.start();
    return () => running.stop();
  }, [session]);
  return sync;
}

function useTitle(): void {
  const { t } = useTranslation();
  const unread = useApp((state) => unreadTotal(state.chat));
  useEffect(() => {
    document.title = unread > 0 ? `(${unread}) ${t('brand.name')}` : t('brand.name');
  }, [unread, t]);
}
