// The one store of the client. Components read it with useApp; src/sync writes it.
import { useStore } from 'zustand';
import { createStore } from 'zustand/vanilla';
import type { ConnectionState } from '../realtime/socket';
import { emptyChat, reduceChat, type ChatEvent, type ChatState } from './chat';
import { emptyDirectory, type DirectoryState } from './directory';
import type { User } from './model';

export interface Me {
  userId: string;
  organizationName: string;
  permissions: readonly string[];
}

export interface AppState {
  me: Me | null; // null: not known yet
  chat: ChatState;
  directory: DirectoryState;
  connection: ConnectionState;
  announcement: string; // what a screen reader says next
}

export const emptyApp: AppState = {
  me: null,
  chat: emptyChat,
  directory: emptyDirectory,
  connection: 'connecting',
  announcement: '',
};

export const store = createStore<AppState>(() => emptyApp);

export function useApp<T>(selector: (state: AppState) => T): T {
  return useStore(store, selector);
}

export function dispatch(event: ChatEvent): void {
  store.setState((state) => ({ chat: reduceChat(state.chat, event) }));
}

export function useUser(userId: string): User | undefined {
  return useApp((state) => state.directory.users[userId]);
}

export function usePermission(permission: string): boolean {
  return useApp((state) => state.me?.permissions.includes(permission) ?? false);
}
