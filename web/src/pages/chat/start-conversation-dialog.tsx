import { Alert, Button, Form, Input, Modal } from 'antd';
import { useEffect, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router-dom';
import { useNarrow } from '../../components/hooks';
import { PeoplePicker } from '../../components/people-picker';
import { errorText } from '../../i18n/errors';
import { useApp } from '../../store/store';
import { uuid } from '../../store/uuid';
import { startDirect, startGroup } from '../../sync/actions';
import { focusComposer } from './composer';

const NAME_LENGTH_MAX = 100;

/** One person chosen: a direct conversation. More: a group, with a name. */
export function StartConversationDialog({ open, onClose }: { open: boolean; onClose: () => void }) {
  const { t } = useTranslation();
  const narrow = useNarrow();
  const [started, setStarted] = useState(false);
  useEffect(() => {
    if (open) setStarted(false);
  }, [open]);
  return (
    <Modal
      open={open}
      onCancel={onClose}
      footer={null}
      title={t('start.title')}
      width={560}
      destroyOnHidden
      // Where the eyes go next: back to the button, or on to the conversation.
      focusTriggerAfterClose={!started}
      afterClose={() => started && !narrow && focusComposer()}
    >
      <StartConversation
        onCancel={onClose}
        onStarted={() => {
          setStarted(true);
          onClose();
        }}
      />
    </Modal>
  );
}

function StartConversation({ onCancel, onStarted }: { onCancel: () => void; onStarted: () => void }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const me = useApp((state) => state.chat.me);
  const exclude = useMemo(() => [me], [me]);
  const [selected, setSelected] = useState<string[]>([]);
  const [name, setName] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const requestId = useRef(uuid()); // the same for every attempt: a lost answer makes no second group
  const group = selected.length > 1;
  const ready = selected.length === 1 || (group && name.trim() !== '');

  const start = async () => {
    const [only] = selected;
    if (!ready || !only) return;
    setBusy(true);
    setError(null);
    try {
      const conversation = group
        ? await startGroup(name.trim(), selected, requestId.current)
        : await startDirect(only);
      onStarted();
      navigate(`/conversations/${conversation.id}`);
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  const change = (userIds: string[]) => {
    requestId.current = uuid();
    setSelected(userIds);
  };
  return (
    <Form layout="vertical" onFinish={() => void start()}>
      <PeoplePicker selected={selected} onChange={change} exclude={exclude} />
      {group && (
        <Form.Item className="start-name" label={t('group.name')} required htmlFor="start-name">
          <Input
            id="start-name"
            value={name}
            maxLength={NAME_LENGTH_MAX}
            placeholder={t('group.namePlaceholder')}
            onChange={(event) => {
              requestId.current = uuid();
              setName(event.target.value);
            }}
          />
        </Form.Item>
      )}
      <div role="alert">
        {error !== null && <Alert type="error" showIcon message={errorText(error, t)} />}
      </div>
      <div className="dialog-foot">
        <Button onClick={onCancel}>{t('common.cancel')}</Button>
        <Button type="primary" htmlType="submit" loading={busy} disabled={!ready}>
          {group ? t('start.group', { count: selected.length + 1 }) : t('start.direct')}
        </Button>
      </div>
    </Form>
  );
}
