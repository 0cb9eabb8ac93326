// Pulls the signed-in person, people and departments into the store.
import { api, ApiError, pull } from '../api/client';
import { directoryLoaded, withUsers } from '../store/directory';
import { departmentFromJson, userFromJson, type Department, type User } from '../store/model';
import { store } from '../store/store';

const PAGE_SIZE = 1000;
const PAGES_MAX = 50;
const BATCH_SIZE_MAX = 500;

export async function loadMe(): Promise<void> {
  const json = await pull(() => api.GET('/v1/me'));
  const user = userFromJson(json.user ?? {});
  store.setState((state) => ({
    me: {
      userId: user.id,
      organizationName: json.organization?.name ?? '',
      permissions: json.permissions ?? [],
    },
    directory: withUsers(state.directory, [user]),
  }));
}

export async function loadDirectory(): Promise<void> {
  const [users, departments] = await Promise.all([listUsers(), listDepartments()]);
  store.setState({ directory: directoryLoaded(users, departments) });
}

async function listUsers(): Promise<User[]> {
  const users: User[] = [];
  let page_token = '';
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const query = { page_size: PAGE_SIZE, show_left: true, ...(page_token && { page_token }) };
    const list = await pull(() => api.GET('/v1/users', { params: { query } }));
    users.push(...(list.users ?? []).map(userFromJson));
    page_token = list.next_page_token ?? '';
    if (!page_token) break;
  }
  return users;
}

async function listDepartments(): Promise<Department[]> {
  const departments: Department[] = [];
  let page_token = '';
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const query = { page_size: PAGE_SIZE, ...(page_token && { page_token }) };
    const list = await pull(() => api.GET('/v1/departments', { params: { query } }));
    departments.push(...(list.departments ?? []).map(departmentFromJson));
    page_token = list.next_page_token ?? '';
    if (!page_token) break;
  }
  return departments;
}

const asked = new Set<string>();

/** Names of people the directory was loaded without: they joined since. */
export async function ensureUsers(ids: string[]): Promise<void> {
  const { directory } = store.getState();
  if (!directory.loaded) return; // it comes with everybody
  const unknown = [...new Set(ids)]
    .filter((id) => id && !directory.users[id] && !asked.has(id))
    .slice(0, BATCH_SIZE_MAX);
  if (unknown.length === 0) return;
  unknown.forEach((id) => asked.add(id));
  try {
    const list = await pull(() => api.POST('/v1/users:batchGet', { body: { user_ids: unknown } }));
    store.setState((state) => ({
      directory: withUsers(state.directory, (list.users ?? []).map(userFromJson)),
    }));
  } catch (error) {
    unknown.forEach((id) => asked.delete(id));
    if (!(error instanceof ApiError)) throw error;
  }
}
