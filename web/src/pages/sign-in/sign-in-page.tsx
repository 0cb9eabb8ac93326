import { Alert, Button, Form, Input } from 'antd';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Navigate, useNavigate } from 'react-router-dom';
import { answer, api, ApiError } from '../../api/client';
import { currentSession, startSession } from '../../api/session';
import { PublicPage } from '../../components/public-page';
import { errorText } from '../../i18n/errors';
import { deviceName } from '../device-name';

interface Fields {
  identifier: string;
  password: string;
  organization?: string;
}

const ORGANIZATION_KEY = 'kongsi.organization';

export default function SignInPage() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [form] = Form.useForm<Fields>();
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const [signedIn] = useState(() => currentSession() !== null);

  useEffect(() => {
    document.title = `${t('signIn.title')} · ${t('brand.name')}`;
  }, [t]);

  if (signedIn) return <Navigate to="/" replace />;

  const submit = async (fields: Fields) => {
    setBusy(true);
    setError(null);
    try {
      const organization = fields.organization?.trim() ?? '';
      const body = {
        identifier: fields.identifier.trim(),
        password: fields.password,
        device_name: deviceName(),
      };
      const tokens = await answer(
        api.POST('/v1/sessions', { body: organization ? { ...body, organization } : body }),
      );
      localStorage.setItem(ORGANIZATION_KEY, organization);
      startSession(tokens);
      navigate('/', { replace: true });
    } catch (failure) {
      setBusy(false);
      setError(failure);
      if (failure instanceof ApiError && failure.reason === 'CREDENTIALS_INVALID') {
        form.setFieldValue('password', '');
        form.getFieldInstance('password')?.focus();
      }
    }
  };

  return (
    <PublicPage title={t('signIn.title')}>
      <Form
        form={form}
        layout="vertical"
        size="large"
        requiredMark={false}
        initialValues={{ organization: localStorage.getItem(ORGANIZATION_KEY) ?? '' }}
        onFinish={(fields) => void submit(fields)}
      >
        <div role="alert">
          {error !== null && (
            <Alert className="public-alert" type="error" showIcon message={errorText(error, t)} />
          )}
        </div>
        <Form.Item
          name="identifier"
          label={t('signIn.identifier')}
          rules={[{ required: true, whitespace: true, message: t('signIn.identifierMissing') }]}
        >
          <Input autoComplete="username" autoCapitalize="none" spellCheck={false} maxLength={254} autoFocus />
        </Form.Item>
        <Form.Item
          name="password"
          label={t('signIn.password')}
          rules={[{ required: true, message: t('signIn.passwordMissing') }]}
        >
          <Input.Password autoComplete="current-password" maxLength={200} />
        </Form.Item>
        <Form.Item name="organization" label={t('signIn.organization')} extra={t('signIn.organizationHelp')}>
          <Input autoComplete="organization" autoCapitalize="none" spellCheck={false} maxLength={63} />
        </Form.Item>
        <Button type="primary" htmlType="submit" block loading={busy}>
          {t('signIn.submit')}
        </Button>
      </Form>
    </PublicPage>
  );
}
