import { EditOutlined, LogoutOutlined, UserAddOutlined } from '@ant-design/icons';
import { App, Button, Drawer, Form, Input, Modal, Popconfirm, Tag } from 'antd';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router-dom';
import { PeoplePicker } from '../../components/people-picker';
import { GroupAvatar, UserAvatar } from '../../components/user-avatar';
import { errorText } from '../../i18n/errors';
import type { Conversation, Member } from '../../store/model';
import { dispatch, useApp, useUser } from '../../store/store';
import { addMembers, removeMember, renameGroup } from '../../sync/actions';
import { useSync } from '../../sync/context';

const NAME_LENGTH_MAX = 100;
const SHOWN_MAX = 200;
const ROLE_ORDER = { owner: 0, administrator: 1, member: 2 };

interface DrawerProps {
  conversation: Conversation;
  open: boolean;
  onClose: () => void;
}

export function GroupDrawer({ conversation, open, onClose }: DrawerProps) {
  const { t } = useTranslation();
  return (
    <Drawer open={open} onClose={onClose} title={t('group.info')} width="min(400px, 100vw)" destroyOnHidden>
      <Group conversation={conversation} />
    </Drawer>
  );
}

function Group({ conversation }: { conversation: Conversation }) {
  const { t } = useTranslation();
  const members = useApp((state) => state.chat.members[conversation.id]);
  const users = useApp((state) => state.directory.users);
  const [adding, setAdding] = useState(false);
  const administers = conversation.role !== 'member';
  const sorted = useMemo(() => {
    const name = (member: Member) => users[member.userId]?.displayName ?? '';
    return [...(members ?? [])].sort(
      (a, b) => ROLE_ORDER[a.role] - ROLE_ORDER[b.role] || name(a).localeCompare(name(b)),
    );
  }, [members, users]);
  return (
    <div className="group">
      <div className="group-head">
        <GroupAvatar id={conversation.id} size={56} />
        <GroupName conversation={conversation} administers={administers} />
      </div>
      <div className="group-members-head">
        <h3 id="group-members" tabIndex={-1}>
          {t('group.memberCount', { count: conversation.memberCount })}
        </h3>
        {administers && (
          <Button size="small" icon={<UserAddOutlined aria-hidden />} onClick={() => setAdding(true)}>
            {t('group.add')}
          </Button>
        )}
      </div>
      <ul className="group-members">
        {sorted.slice(0, SHOWN_MAX).map((member) => (
          <MemberItem key={member.userId} member={member} conversation={conversation} />
        ))}
      </ul>
      {sorted.length > SHOWN_MAX && (
        <p className="picker-more">{t('people.more', { count: sorted.length - SHOWN_MAX })}</p>
      )}
      <LeaveButton conversation={conversation} />
      <Modal
        open={adding}
        onCancel={() => setAdding(false)}
        footer={null}
        title={t('group.add')}
        width={560}
        destroyOnHidden
      >
        <AddMembers conversation={conversation} members={sorted} onDone={() => setAdding(false)} />
      </Modal>
    </div>
  );
}

function GroupName({ conversation, administers }: { conversation: Conversation; administers: boolean }) {
  const { t } = useTranslation();
  const action = useAction();
  const [editing, setEditing] = useState(false);
  const [edited, setEdited] = useState(false);
  const [name, setName] = useState('');
  if (!editing) {
    return (
      <div className="group-name">
        <p>{conversation.name}</p>
        {administers && (
          <Button
            type="text"
            icon={<EditOutlined aria-hidden />}
            autoFocus={edited} // back where the edit began
            aria-label={t('group.rename')}
            onClick={() => {
              setName(conversation.name);
              setEditing(true);
              setEdited(true);
            }}
          />
        )}
      </div>
    );
  }
  const save = () =>
    action.run(async () => {
      if (name.trim() && name.trim() !== conversation.name) await renameGroup(conversation.id, name.trim());
      setEditing(false);
    });
  return (
    <Form className="group-rename" onFinish={save}>
      <Input
        autoFocus
        value={name}
        maxLength={NAME_LENGTH_MAX}
        aria-label={t('group.name')}
        onChange={(event) => setName(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== 'Escape') return;
          event.stopPropagation();
          setEditing(false);
        }}
      />
      <Button type="primary" htmlType="submit" loading={action.busy} disabled={name.trim() === ''}>
        {t('common.save')}
      </Button>
    </Form>
  );
}

function MemberItem({ member, conversation }: { member: Member; conversation: Conversation }) {
  const { t } = useTranslation();
  const sync = useSync();
  const action = useAction();
  const user = useUser(member.userId);
  const me = useApp((state) => state.chat.me);
  const name = user?.displayName ?? t('chat.somebody');
  const removable =
    member.userId !== me &&
    (conversation.role === 'owner' || (conversation.role === 'administrator' && member.role === 'member'));
  const remove = () =>
    action.run(async () => {
      await removeMember(conversation.id, member.userId);
      document.getElementById('group-members')?.focus(); // the button goes away
      await Promise.all([sync.getConversation(conversation.id), sync.listMembers(conversation.id)]);
    });
  return (
    <li className="group-member">
      <UserAvatar userId={member.userId} size={36} />
      <span className="group-member-name">
        <span>{name}</span>
        {user?.title && <span className="picker-detail">{user.title}</span>}
      </span>
      {member.role !== 'member' && <Tag>{t(`group.role.${member.role}`)}</Tag>}
      {removable && (
        <Popconfirm
          title={t('group.removeQuestion', { name })}
          okText={t('group.remove')}
          cancelText={t('common.cancel')}
          onConfirm={remove}
        >
          <Button
            size="small"
            type="text"
            danger
            loading={action.busy}
            aria-label={t('group.removeNamed', { name })}
          >
            {t('group.remove')}
          </Button>
        </Popconfirm>
      )}
    </li>
  );
}

function LeaveButton({ conversation }: { conversation: Conversation }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const action = useAction();
  const me = useApp((state) => state.chat.me);
  const leave = () =>
    action.run(async () => {
      await removeMember(conversation.id, me);
      navigate('/');
      dispatch({ type: 'conversation_removed', conversationId: conversation.id });
    });
  return (
    <Popconfirm
      title={t('group.leaveQuestion')}
      okText={t('group.leave')}
      cancelText={t('common.cancel')}
      onConfirm={leave}
    >
      <Button danger block icon={<LogoutOutlined aria-hidden />} loading={action.busy}>
        {t('group.leave')}
      </Button>
    </Popconfirm>
  );
}

interface AddProps {
  conversation: Conversation;
  members: Member[];
  onDone: () => void;
}

function AddMembers({ conversation, members, onDone }: AddProps) {
  const { t } = useTranslation();
  const sync = useSync();
  const action = useAction();
  const [selected, setSelected] = useState<string[]>([]);
  const exclude = useMemo(() => members.map((member) => member.userId), [members]);
  const add = () =>
    action.run(async () => {
      await addMembers(conversation.id, selected);
      await Promise.all([sync.getConversation(conversation.id), sync.listMembers(conversation.id)]);
      onDone();
    });
  return (
    <>
      <PeoplePicker selected={selected} onChange={setSelected} exclude={exclude} />
      <div className="dialog-foot">
        <Button onClick={onDone}>{t('common.cancel')}</Button>
        <Button type="primary" loading={action.busy} disabled={selected.length === 0} onClick={add}>
          {t('group.addCount', { count: selected.length })}
        </Button>
      </div>
    </>
  );
}

/** Runs an action once at a time; a failure is shown as a message. */
function useAction() {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const [busy, setBusy] = useState(false);
  const run = (work: () => Promise<void>) => {
    setBusy(true);
    work()
      .catch((error: unknown) => void message.error(errorText(error, t)))
      .finally(() => setBusy(false));
  };
  return { busy, run };
}
