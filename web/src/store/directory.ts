// People and departments, as pure functions. The whole directory is kept: names stand everywhere, and search answers at once.
import type { Department, User } from './model';

export interface DirectoryState {
  loaded: boolean;
  users: Readonly<Record<string, User>>; // with those who have left: old messages are theirs
  departments: Readonly<Record<string, Department>>;
}

export interface DepartmentNode {
  department: Department;
  children: DepartmentNode[];
  userCount: number; // in it and below
}

export const emptyDirectory: DirectoryState = { loaded: false, users: {}, departments: {} };

export function directoryLoaded(users: User[], departments: Department[]): DirectoryState {
  return { loaded: true, users: byId(users), departments: byId(departments) };
}

export function withUsers(state: DirectoryState, users: User[]): DirectoryState {
  return { ...state, users: { ...state.users, ...byId(users) } };
}

/** People one can work with: not those who have left or are suspended. In order of display name. */
export function presentUsers(state: DirectoryState): User[] {
  return Object.values(state.users)
    .filter((user) => user.status === 'active' || user.status === 'invited')
    .sort((a, b) => a.displayName.localeCompare(b.displayName));
}

export function usersByDepartment(users: readonly User[]): Map<string, User[]> {
  const groups = new Map<string, User[]>();
  for (const user of users) {
    const group = groups.get(user.departmentId);
    if (group) group.push(user);
    else groups.set(user.departmentId, [user]);
  }
  return groups;
}

/** The tree of departments. One whose parent is unknown stands at the top. */
export function departmentTree(state: DirectoryState, users: readonly User[]): DepartmentNode[] {
  const counts = usersByDepartment(users);
  const children = new Map<string, Department[]>();
  for (const department of Object.values(state.departments)) {
    const parent = state.departments[department.parentId] ? department.parentId : '';
    children.set(parent, [...(children.get(parent) ?? []), department]);
  }
  const node = (department: Department): DepartmentNode => {
    const below = (children.get(department.id) ?? []).sort(byName).map(node);
    const own = counts.get(department.id)?.length ?? 0;
    return {
      department,
      children: below,
      userCount: below.reduce((sum, child) => sum + child.userCount, own),
    };
  };
  return (children.get('') ?? []).sort(byName).map(node);
}

/** People whose names, number, e-mail, mobile or title hold every word of the query. */
export function searchUsers(users: readonly User[], query: string): User[] {
  const words = query.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return [];
  return users.filter((user) => {
    const { displayName, legalName, preferredName, chineseName, externalId, email, mobile, title } = user;
    const text = [
      displayName,
      legalName,
      preferredName,
      chineseName,
      externalId,
      email,
      mobile.replace(/\s/g, ''),
      mobile,
      title,
    ]
      .join('\n')
      .toLocaleLowerCase();
    return words.every((word) => text.includes(word));
  });
}

function byName(a: Department, b: Department): number {
  return a.name.localeCompare(b.name);
}

function byId<T extends { id: string }>(list: T[]): Record<string, T> {
  return Object.fromEntries(list.map((item) => [item.id, item]));
}
