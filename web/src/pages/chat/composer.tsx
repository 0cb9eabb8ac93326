import { SendOutlined } from '@ant-design/icons';
import { Button, Input, type InputRef } from 'antd';
import { useEffect, useRef, useState, type KeyboardEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { useNarrow } from '../../components/hooks';
import { useSync } from '../../sync/context';

const TEXT_LENGTH_MAX = 20_000; // the schema's limit, in code points

const drafts = new Map<string, string>(); // by conversation, as long as the page lives

export function focusComposer(): void {
  document.querySelector<HTMLTextAreaElement>('.composer textarea')?.focus();
}

export function Composer({ conversationId }: { conversationId: string }) {
  const { t } = useTranslation();
  const sync = useSync();
  const narrow = useNarrow();
  const input = useRef<InputRef>(null);
  const [text, setText] = useState(() => drafts.get(conversationId) ?? '');
  const length = [...text].length;
  const sendable = text.trim() !== '' && length <= TEXT_LENGTH_MAX;

  useEffect(() => {
    if (!narrow) input.current?.focus({ cursor: 'end', preventScroll: true });
  }, [narrow]);

  const change = (value: string) => {
    setText(value);
    drafts.set(conversationId, value);
  };
  const send = () => {
    if (!sendable) return;
    sync.outbox.send(conversationId, text.replace(/\r\n?/g, '\n').trim());
    change('');
    input.current?.focus();
  };
  const pressed = (event: KeyboardEvent) => {
    // While an input method composes, Enter belongs to it; Safari says so by key code 229 only.
    const composing = event.nativeEvent.isComposing || event.keyCode === 229;
    if (event.key !== 'Enter' || event.shiftKey || composing) return;
    event.preventDefault();
    send();
  };
  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <Input.TextArea
        ref={input}
        value={text}
        autoSize={{ minRows: 1, maxRows: 6 }}
        placeholder={t('composer.placeholder')}
        aria-label={t('composer.label')}
        aria-describedby="composer-hint"
        status={length > TEXT_LENGTH_MAX ? 'error' : ''}
        onChange={(event) => change(event.target.value)}
        onKeyDown={pressed}
      />
      <Button
        type="primary"
        htmlType="submit"
        icon={<SendOutlined aria-hidden />}
        disabled={!sendable}
        aria-label={t('composer.send')}
      />
      <p id="composer-hint" className="composer-hint">
        {length > TEXT_LENGTH_MAX
          ? t('composer.tooLong', { count: length - TEXT_LENGTH_MAX })
          : t('composer.hint')}
      </p>
    </form>
  );
}
