import { CopyOutlined, LinkOutlined, MailOutlined, MessageOutlined, PhoneOutlined } from '@ant-design/icons';
import { App, Alert, Button, Drawer, Input, Tag } from 'antd';
import { useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router-dom';
import { errorText } from '../i18n/errors';
import { momentText } from '../i18n/format';
import { useApp, usePermission, useUser } from '../store/store';
import { startDirect } from '../sync/actions';
import { createInvitation, type InvitationLink } from '../sync/administration';
import { departmentName } from './department-name';
import { useLanguage } from './hooks';
import { UserAvatar } from './user-avatar';
import '../styles/people.css';

interface DrawerProps {
  userId: string;
  open: boolean;
  onClose: () => void;
}

export function PersonDrawer({ userId, open, onClose }: DrawerProps) {
  const { t } = useTranslation();
  return (
    <Drawer open={open} onClose={onClose} title={t('person.info')} width="min(400px, 100vw)" destroyOnHidden>
      <Person userId={userId} onClose={onClose} />
    </Drawer>
  );
}

function Person({ userId, onClose }: { userId: string; onClose: () => void }) {
  const { t } = useTranslation();
  const language = useLanguage();
  const user = useUser(userId);
  const manager = useUser(user?.managerId ?? '');
  const me = useApp((state) => state.chat.me);
  const department = useApp((state) => state.directory.departments[user?.departmentId ?? '']);
  const manages = usePermission('identity.manage');
  if (!user) return null;
  return (
    <div className="person">
      <div className="person-head">
        <UserAvatar userId={userId} size={72} />
        <div>
          <h3>{user.displayName}</h3>
          <p>{user.title}</p>
          {user.status !== 'active' && <Tag>{t(`person.status.${user.status}`)}</Tag>}
        </div>
      </div>
      <dl>
        <Fact label={t('person.department')}>{department && departmentName(department, language)}</Fact>
        <Fact label={t('person.manager')}>{manager?.displayName}</Fact>
        <Fact label={t('person.location')}>{user.location}</Fact>
        <Fact label={t('person.number')}>{user.externalId}</Fact>
        <Fact label={t('person.email')}>
          {user.email && (
            <a href={`mailto:${user.email}`}>
              <MailOutlined aria-hidden /> {user.email}
            </a>
          )}
        </Fact>
        <Fact label={t('person.mobile')}>
          {user.mobile && (
            <a href={`tel:${user.mobile.replace(/\s/g, '')}`}>
              <PhoneOutlined aria-hidden /> {user.mobile}
            </a>
          )}
        </Fact>
      </dl>
      {userId !== me && <MessageButton userId={userId} onDone={onClose} />}
      {manages && (user.status === 'active' || user.status === 'invited') && <Invitation userId={userId} />}
    </div>
  );
}

function Fact({ label, children }: { label: string; children: ReactNode }) {
  if (!children) return null;
  return (
    <div>
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function MessageButton({ userId, onDone }: { userId: string; onDone: () => void }) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const navigate = useNavigate();
  const [busy, setBusy] = useState(false);
  const start = async () => {
    setBusy(true);
    try {
      const conversation = await startDirect(userId);
      onDone();
      navigate(`/conversations/${conversation.id}`);
    } catch (error) {
      void message.error(errorText(error, t));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Button
      type="primary"
      block
      icon={<MessageOutlined aria-hidden />}
      loading={busy}
      onClick={() => void start()}
    >
      {t('person.message')}
    </Button>
  );
}

/** For administrators: the link with which a person sets a password. Shown once. */
function Invitation({ userId }: { userId: string }) {
  const { t } = useTranslation();
  const language = useLanguage();
  const { message } = App.useApp();
  const [busy, setBusy] = useState(false);
  const [link, setLink] = useState<InvitationLink | null>(null);
  const create = async () => {
    setBusy(true);
    try {
      setLink(await createInvitation(userId));
    } catch (error) {
      void message.error(errorText(error, t));
    } finally {
      setBusy(false);
    }
  };
  if (!link) {
    return (
      <Button block icon={<LinkOutlined aria-hidden />} loading={busy} onClick={() => void create()}>
        {t('person.invite')}
      </Button>
    );
  }
  return (
    <div className="invitation">
      <Alert
        type="info"
        message={t('person.inviteHelp', { time: momentText(link.expireTime, language, new Date()) })}
      />
      <div className="invitation-link">
        <Input
          autoFocus
          readOnly
          value={link.url}
          aria-label={t('person.invite')}
          onFocus={(event) => event.target.select()}
        />
        <Button
          icon={<CopyOutlined aria-hidden />}
          onClick={() => void copy(link.url).then(() => message.success(t('person.copied')))}
        >
          {t('person.copy')}
        </Button>
      </div>
    </div>
  );
}

/** Also where the page has no clipboard: on plain HTTP. */
async function copy(text: string): Promise<void> {
  if ('clipboard' in navigator) return navigator.clipboard.writeText(text);
  const field = document.querySelector<HTMLInputElement>('.invitation-link input');
  field?.select();
  document.execCommand('copy');
}
