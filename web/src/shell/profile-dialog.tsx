import { CameraOutlined, ImportOutlined, LogoutOutlined } from '@ant-design/icons';
import { App, Button, Modal } from 'antd';
import { useRef, useState, type ChangeEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router-dom';
import { putAvatar } from '../api/avatar';
import { endSession } from '../api/session';
import { useNarrow } from '../components/hooks';
import { LanguageSelect } from '../components/language-select';
import { UserAvatar } from '../components/user-avatar';
import { errorText } from '../i18n/errors';
import { withUsers } from '../store/directory';
import { store, useApp, usePermission, useUser } from '../store/store';
import { signOut } from '../sync/chat-sync';
import { squarePicture } from './picture';

export function ProfileDialog({ open, onClose }: { open: boolean; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <Modal
      open={open}
      onCancel={onClose}
      footer={null}
      title={t('profile.title')}
      width={400}
      destroyOnHidden
    >
      <ProfileBody onClose={onClose} />
    </Modal>
  );
}

function ProfileBody({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const userId = useApp((state) => state.chat.me);
  const organization = useApp((state) => state.me?.organizationName ?? '');
  const user = useUser(userId);
  const narrow = useNarrow();
  const manages = usePermission('identity.manage');
  const [leaving, setLeaving] = useState(false);

  const leave = async () => {
    setLeaving(true);
    await signOut();
    endSession();
  };
  return (
    <div className="profile">
      <div className="profile-head">
        <UserAvatar userId={userId} size={72} />
        <div>
          <p className="profile-name">{user?.displayName}</p>
          <p className="profile-detail">{[user?.title, organization].filter(Boolean).join(' · ')}</p>
          <PictureButton userId={userId} />
        </div>
      </div>
      <div className="profile-row">
        <span>{t('language.label')}</span>
        <LanguageSelect />
      </div>
      {manages && narrow && (
        <Button
          block
          icon={<ImportOutlined aria-hidden />}
          onClick={() => {
            onClose();
            navigate('/import');
          }}
        >
          {t('navigation.import')}
        </Button>
      )}
      <Button block icon={<LogoutOutlined aria-hidden />} loading={leaving} onClick={() => void leave()}>
        {t('profile.signOut')}
      </Button>
    </div>
  );
}

function PictureButton({ userId }: { userId: string }) {
  const { t } = useTranslation();
  const { message } = App.useApp();
  const input = useRef<HTMLInputElement>(null);
  const [busy, setBusy] = useState(false);

  const take = async (event: ChangeEvent<HTMLInputElement>) => {
    const file = event.target.files?.[0];
    event.target.value = '';
    if (!file) return;
    setBusy(true);
    try {
      const avatarEtag = await putAvatar(await squarePicture(file));
      store.setState((state) => {
        const user = state.directory.users[userId];
        return user ? { directory: withUsers(state.directory, [{ ...user, avatarEtag }]) } : {};
      });
      void message.success(t('profile.pictureChanged'));
    } catch (error) {
      void message.error(errorText(error, t));
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <input
        ref={input}
        type="file"
        accept="image/png,image/jpeg,image/webp"
        hidden
        onChange={(event) => void take(event)}
      />
      <Button
        size="small"
        icon={<CameraOutlined aria-hidden />}
        loading={busy}
        onClick={() => input.current?.click()}
      >
        {t('profile.changePicture')}
      </Button>
    </>
  );
}
