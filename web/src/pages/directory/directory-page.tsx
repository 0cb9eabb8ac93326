import { CaretDownOutlined, CaretRightOutlined, SearchOutlined } from '@ant-design/icons';
import { Empty, Input, Skeleton } from 'antd';
import { useEffect, useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { departmentName } from '../../components/department-name';
import { useLanguage, useNarrow } from '../../components/hooks';
import { NativeSelect } from '../../components/native-select';
import { PersonDrawer } from '../../components/person-drawer';
import { UserAvatar } from '../../components/user-avatar';
import {
  departmentTree,
  presentUsers,
  searchUsers,
  usersByDepartment,
  type DepartmentNode,
} from '../../store/directory';
import type { User } from '../../store/model';
import { useApp } from '../../store/store';
import '../../styles/directory.css';

export default function DirectoryPage() {
  const { t } = useTranslation();
  const narrow = useNarrow();
  const directory = useApp((state) => state.directory);
  const [chosen, setChosen] = useState('');
  const [query, setQuery] = useState('');
  const [person, setPerson] = useState('');
  const users = useMemo(() => presentUsers(directory), [directory]);
  const tree = useMemo(() => departmentTree(directory, users), [directory, users]);
  const departmentId = chosen || (tree[0]?.department.id ?? '');
  const shown = useMemo(
    () => (query.trim() ? searchUsers(users, query) : (usersByDepartment(users).get(departmentId) ?? [])),
    [users, query, departmentId],
  );
  const [lastPerson, setLastPerson] = useState('');
  useEffect(() => {
    if (person) setLastPerson(person);
  }, [person]);

  return (
    <div className="directory">
      <header className="page-head">
        <h1>{t('directory.title')}</h1>
        <Input
          allowClear
          className="directory-search"
          prefix={<SearchOutlined aria-hidden />}
          placeholder={t('people.search')}
          aria-label={t('people.search')}
          value={query}
          onChange={(event) => setQuery(event.target.value)}
        />
      </header>
      {!directory.loaded && <Skeleton className="directory-skeleton" active avatar paragraph={{ rows: 6 }} />}
      {directory.loaded && (
        <div className="directory-body">
          {narrow ? (
            !query.trim() && <DepartmentSelect tree={tree} chosen={departmentId} onChoose={setChosen} />
          ) : (
            <nav className="directory-tree" aria-label={t('directory.departments')}>
              <ul>
                {tree.map((node) => (
                  <Branch
                    key={node.department.id}
                    node={node}
                    depth={0}
                    chosen={query.trim() ? '' : departmentId}
                    onChoose={setChosen}
                  />
                ))}
              </ul>
            </nav>
          )}
          <People users={shown} searching={query.trim() !== ''} onChoose={setPerson} />
        </div>
      )}
      <PersonDrawer userId={person || lastPerson} open={person !== ''} onClose={() => setPerson('')} />
    </div>
  );
}

interface ChooseProps {
  chosen: string;
  onChoose: (departmentId: string) => void;
}

function DepartmentSelect({ tree, chosen, onChoose }: ChooseProps & { tree: DepartmentNode[] }) {
  const { t } = useTranslation();
  const language = useLanguage();
  const options = useMemo(() => {
    const flat = (nodes: DepartmentNode[], depth: number): { value: string; text: string }[] =>
      nodes.flatMap((node) => [
        {
          value: node.department.id,
          text: `${'\u2003'.repeat(depth)}${departmentName(node.department, language)} (${node.userCount})`,
        },
        ...flat(node.children, depth + 1),
      ]);
    return flat(tree, 0);
  }, [tree, language]);
  return (
    <div className="directory-select">
      <NativeSelect label={t('directory.departments')} value={chosen} options={options} onChange={onChoose} />
    </div>
  );
}

function Branch({ node, depth, chosen, onChoose }: ChooseProps & { node: DepartmentNode; depth: number }) {
  const { t } = useTranslation();
  const language = useLanguage();
  const [open, setOpen] = useState(depth < 1);
  const { department, children, userCount } = node;
  const name = departmentName(department, language);
  const current = department.id === chosen;
  return (
    <li>
      <div
        className={`branch ${current ? 'branch-current' : ''}`}
        style={{ paddingInlineStart: 8 + depth * 18 }}
      >
        {children.length > 0 ? (
          <button
            type="button"
            className="branch-fold"
            aria-expanded={open}
            aria-label={t(open ? 'directory.fold' : 'directory.unfold', { name })}
            onClick={() => setOpen(!open)}
          >
            {open ? <CaretDownOutlined aria-hidden /> : <CaretRightOutlined aria-hidden />}
          </button>
        ) : (
          <span className="branch-fold" />
        )}
        <button
          type="button"
          className="branch-name"
          aria-current={current ? 'true' : undefined}
          onClick={() => onChoose(department.id)}
        >
          <span>{name}</span>
          <span className="picker-count">{userCount}</span>
        </button>
      </div>
      {open && children.length > 0 && (
        <ul>
          {children.map((child) => (
            <Branch
              key={child.department.id}
              node={child}
              depth={depth + 1}
              chosen={chosen}
              onChoose={onChoose}
            />
          ))}
        </ul>
      )}
    </li>
  );
}

interface PeopleProps {
  users: User[];
  searching: boolean;
  onChoose: (userId: string) => void;
}

function People({ users, searching, onChoose }: PeopleProps) {
  const { t } = useTranslation();
  return (
    <section className="directory-people" aria-label={t('people.colleagues')}>
      <p className="directory-count" role="status">
        {t(searching ? 'directory.found' : 'directory.direct', { count: users.length })}
      </p>
      {users.length === 0 && (
        <Empty
          image={Empty.PRESENTED_IMAGE_SIMPLE}
          description={t(searching ? 'people.noneFound' : 'directory.empty')}
        />
      )}
      <ul>
        {users.map((user) => (
          <PersonItem key={user.id} user={user} onChoose={onChoose} />
        ))}
      </ul>
    </section>
  );
}

function PersonItem({ user, onChoose }: { user: User; onChoose: (userId: string) => void }) {
  const language = useLanguage();
  const department = useApp((state) => state.directory.departments[user.departmentId]);
  return (
    <li>
      <button
        type="button"
        className="directory-person"
        aria-haspopup="dialog"
        onClick={() => onChoose(user.id)}
      >
        <UserAvatar userId={user.id} size={44} />
        <span className="directory-person-text">
          <span className="directory-person-name">{user.displayName}</span>
          <span className="picker-detail">
            {[department && departmentName(department, language), user.title].filter(Boolean).join(' · ')}
          </span>
        </span>
        <span className="directory-person-mail">{user.email}</span>
      </button>
    </li>
  );
}
