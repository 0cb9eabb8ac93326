// Choosing people: the tree of departments, a search over everybody, the chosen ones on top.
import { CaretDownOutlined, CaretRightOutlined, CloseOutlined, SearchOutlined } from '@ant-design/icons';
import { Checkbox, Empty, Input, Skeleton } from 'antd';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import {
  departmentTree,
  presentUsers,
  searchUsers,
  usersByDepartment,
  type DepartmentNode,
} from '../store/directory';
import type { User } from '../store/model';
import { useApp } from '../store/store';
import { departmentName } from './department-name';
import { useLanguage } from './hooks';
import { UserAvatar } from './user-avatar';
import '../styles/people.css';

const FOUND_MAX = 100;

interface PickerProps {
  selected: readonly string[];
  onChange: (userIds: string[]) => void;
  exclude: readonly string[]; // people who cannot be chosen: oneself, members already
}

export function PeoplePicker({ selected, onChange, exclude }: PickerProps) {
  const { t } = useTranslation();
  const directory = useApp((state) => state.directory);
  const [query, setQuery] = useState('');
  const users = useMemo(() => {
    const excluded = new Set(exclude);
    return presentUsers(directory).filter((user) => !excluded.has(user.id));
  }, [directory, exclude]);
  const found = useMemo(() => searchUsers(users, query), [users, query]);
  const toggle = (userId: string) =>
    onChange(selected.includes(userId) ? selected.filter((id) => id !== userId) : [...selected, userId]);

  return (
    <div className="picker">
      <Input
        allowClear
        prefix={<SearchOutlined aria-hidden />}
        placeholder={t('people.search')}
        aria-label={t('people.search')}
        value={query}
        onChange={(event) => setQuery(event.target.value)}
      />
      <Chosen userIds={selected} onRemove={toggle} />
      {!directory.loaded && <Skeleton active paragraph={{ rows: 5 }} />}
      <div className="picker-body" role="group" aria-label={t('people.colleagues')}>
        {query.trim() ? (
          <Found users={found} selected={selected} onToggle={toggle} />
        ) : (
          <Tree users={users} selected={selected} onToggle={toggle} />
        )}
      </div>
    </div>
  );
}

function Chosen({ userIds, onRemove }: { userIds: readonly string[]; onRemove: (userId: string) => void }) {
  const { t } = useTranslation();
  const users = useApp((state) => state.directory.users);
  if (userIds.length === 0) return null;
  return (
    <ul className="picker-chosen" aria-label={t('people.chosen', { count: userIds.length })}>
      {userIds.map((id) => (
        <li key={id}>
          <UserAvatar userId={id} size={24} />
          <span>{users[id]?.displayName}</span>
          <button
            type="button"
            aria-label={t('people.remove', { name: users[id]?.displayName })}
            onClick={() => onRemove(id)}
          >
            <CloseOutlined aria-hidden />
          </button>
        </li>
      ))}
    </ul>
  );
}

interface BranchProps {
  selected: readonly string[];
  onToggle: (userId: string) => void;
}

function Found({ users, ...rest }: BranchProps & { users: User[] }) {
  const { t } = useTranslation();
  if (users.length === 0)
    return <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t('people.noneFound')} />;
  return (
    <>
      <ul>
        {users.slice(0, FOUND_MAX).map((user) => (
          <Person key={user.id} user={user} withDepartment {...rest} />
        ))}
      </ul>
      {users.length > FOUND_MAX && (
        <p className="picker-more">{t('people.more', { count: users.length - FOUND_MAX })}</p>
      )}
    </>
  );
}

function Tree({ users, ...rest }: BranchProps & { users: User[] }) {
  const directory = useApp((state) => state.directory);
  const tree = useMemo(() => departmentTree(directory, users), [directory, users]);
  const groups = useMemo(() => usersByDepartment(users), [users]);
  const roots = tree.filter((node) => node.userCount > 0);
  const homeless = users.filter((user) => !directory.departments[user.departmentId]);
  return (
    <ul>
      {roots.map((node) => (
        <Branch
          key={node.department.id}
          node={node}
          groups={groups}
          startOpen={roots.length === 1}
          {...rest}
        />
      ))}
      {homeless.map((user) => (
        <Person key={user.id} user={user} {...rest} />
      ))}
    </ul>
  );
}

interface NodeProps extends BranchProps {
  node: DepartmentNode;
  groups: Map<string, User[]>;
  startOpen: boolean;
}

function Branch({ node, groups, startOpen, ...rest }: NodeProps) {
  const { t } = useTranslation();
  const language = useLanguage();
  const [open, setOpen] = useState(startOpen);
  const people = groups.get(node.department.id) ?? [];
  return (
    <li>
      <button type="button" className="picker-department" aria-expanded={open} onClick={() => setOpen(!open)}>
        {open ? <CaretDownOutlined aria-hidden /> : <CaretRightOutlined aria-hidden />}
        <span>{departmentName(node.department, language)}</span>
        <span className="picker-count" aria-label={t('people.count', { count: node.userCount })}>
          {node.userCount}
        </span>
      </button>
      {open && (
        <ul className="picker-nested">
          {people.map((user) => (
            <Person key={user.id} user={user} {...rest} />
          ))}
          {node.children
            .filter((child) => child.userCount > 0)
            .map((child) => (
              <Branch key={child.department.id} node={child} groups={groups} startOpen={false} {...rest} />
            ))}
        </ul>
      )}
    </li>
  );
}

function Person({
  user,
  withDepartment,
  selected,
  onToggle,
}: BranchProps & { user: User; withDepartment?: boolean }) {
  const language = useLanguage();
  const department = useApp((state) => state.directory.departments[user.departmentId]);
  const detail = [
    withDepartment && department ? departmentName(department, language) : '',
    user.title,
  ].filter(Boolean);
  return (
    <li>
      <Checkbox
        className="picker-person"
        checked={selected.includes(user.id)}
        onChange={() => onToggle(user.id)}
      >
        <UserAvatar userId={user.id} size={32} />
        <span className="picker-name">
          <span>{user.displayName}</span>
          <span className="picker-detail">{detail.join(' · ')}</span>
        </span>
      </Checkbox>
    </li>
  );
}
