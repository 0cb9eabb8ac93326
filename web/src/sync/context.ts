import { createContext, useContext } from 'react';
import type { ChatSync } from './chat-sync';

export const SyncContext = createContext<ChatSync | null>(null);

export function useSync(): ChatSync {
  const sync = useContext(SyncContext);
  if (!sync) throw new Error('useSync outside of the shell');
  return sync;
}
