import { ApartmentOutlined, ImportOutlined, MessageOutlined } from '@ant-design/icons';
import { Badge } from 'antd';
import { useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { NavLink, useLocation } from 'react-router-dom';
import { useNarrow } from '../components/hooks';
import { UserAvatar } from '../components/user-avatar';
import { unreadTotal } from '../store/chat';
import { useApp, usePermission } from '../store/store';
import { ProfileDialog } from './profile-dialog';

export function Navigation() {
  const { t } = useTranslation();
  const narrow = useNarrow();
  const unread = useApp((state) => unreadTotal(state.chat));
  const manages = usePermission('identity.manage');
  const { pathname } = useLocation();
  const inChat = pathname === '/' || pathname.startsWith('/conversations/');
  return (
    <nav className="rail" aria-label={t('navigation.label')}>
      <img className="rail-brand" src="/icon.svg" alt="" width={36} height={36} />
      <NavigationLink to="/" current={inChat} label={t('navigation.conversations')}>
        <Badge count={unread} size="small" overflowCount={99} title="" offset={[4, -2]}>
          <MessageOutlined />
        </Badge>
      </NavigationLink>
      <NavigationLink to="/directory" current={pathname === '/directory'} label={t('navigation.directory')}>
        <ApartmentOutlined />
      </NavigationLink>
      {manages && !narrow && (
        <NavigationLink to="/import" current={pathname === '/import'} label={t('navigation.import')}>
          <ImportOutlined />
        </NavigationLink>
      )}
      <span className="rail-space" />
      <ProfileButton />
    </nav>
  );
}

interface LinkProps {
  to: string;
  current: boolean;
  label: string;
  children: ReactNode;
}

function NavigationLink({ to, current, label, children }: LinkProps) {
  return (
    <NavLink
      to={to}
      className={`rail-item ${current ? 'rail-current' : ''}`}
      aria-current={current ? 'page' : undefined}
    >
      <span className="rail-icon" aria-hidden="true">
        {children}
      </span>
      <span className="rail-label">{label}</span>
    </NavLink>
  );
}

function ProfileButton() {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  const userId = useApp((state) => state.chat.me);
  return (
    <>
      <button
        type="button"
        className="rail-item rail-profile"
        aria-haspopup="dialog"
        onClick={() => setOpen(true)}
      >
        <UserAvatar userId={userId} size={34} />
        <span className="rail-label">{t('navigation.profile')}</span>
      </button>
      <ProfileDialog open={open} onClose={() => setOpen(false)} />
    </>
  );
}
