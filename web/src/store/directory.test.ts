import { expect, it } from 'vitest';
import { departmentTree, directoryLoaded, presentUsers, searchUsers } from './directory';
import { departmentFromJson, userFromJson } from './model';

const state = directoryLoaded(
  [
    userFromJson({
      id: '1',
      display_name: 'Joyce Szeto 司徒詠詩',
      department_id: 'd1',
      mobile: '+852 0001 8065',
    }),
    userFromJson({ id: '2', display_name: 'Amy Chan 陳美', department_id: 'd2', external_id: 'HR00002' }),
    userFromJson({ id: '3', display_name: 'Bob Left', department_id: 'd2', status: 'USER_STATUS_LEFT' }),
  ],
  [
    departmentFromJson({ id: 'd1', name: 'Company' }),
    departmentFromJson({ id: 'd2', name: 'Shops', parent_id: 'd1' }),
    departmentFromJson({ id: 'd3', name: 'Astray', parent_id: 'nowhere' }),
  ],
);

it('shows people who are here, by name', () => {
  expect(presentUsers(state).map((u) => u.id)).toEqual(['2', '1']);
});

it('makes the tree with head counts', () => {
  const tree = departmentTree(state, presentUsers(state));
  expect(tree.map((n) => [n.department.id, n.userCount])).toEqual([
    ['d3', 0],
    ['d1', 2],
  ]);
  expect(tree[1]?.children.map((n) => [n.department.id, n.userCount])).toEqual([['d2', 1]]);
});

it('finds people by parts of names, number and mobile', () => {
  const users = presentUsers(state);
  const ids = (query: string) => searchUsers(users, query).map((u) => u.id);
  expect(ids('詠詩')).toEqual(['1']);
  expect(ids('szeto joy')).toEqual(['1']);
  expect(ids('hr00002')).toEqual(['2']);
  expect(ids('00018065')).toEqual(['1']);
  expect(ids('nobody')).toEqual([]);
  expect(ids('  ')).toEqual([]);
});
