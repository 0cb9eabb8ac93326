import { Alert, Button, Form, Input, Result } from 'antd';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, useNavigate } from 'react-router-dom';
import { answer, api } from '../../api/client';
import { startSession } from '../../api/session';
import { PublicPage } from '../../components/public-page';
import { errorText } from '../../i18n/errors';
import { deviceName } from '../device-name';

const PASSWORD_LENGTH_MIN = 10; // the server's rule

interface Fields {
  password: string;
  again: string;
}

/** /invitation#token=…: the token stands behind '#' so that it reaches no server log and no Referer. */
export default function InvitationPage() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [token] = useState(() => new URLSearchParams(window.location.hash.slice(1)).get('token') ?? '');
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);

  useEffect(() => {
    document.title = `${t('invitation.title')} · ${t('brand.name')}`;
  }, [t]);

  const submit = async ({ password }: Fields) => {
    setBusy(true);
    setError(null);
    try {
      const body = { token, password, device_name: deviceName() };
      startSession(await answer(api.POST('/v1/invitations:accept', { body })));
      navigate('/', { replace: true });
    } catch (failure) {
      setBusy(false);
      setError(failure);
    }
  };

  if (!token) {
    return (
      <PublicPage title={t('invitation.title')}>
        <Result
          status="warning"
          title={t('invitation.missing')}
          extra={<Link to="/sign-in">{t('invitation.toSignIn')}</Link>}
        />
      </PublicPage>
    );
  }
  return (
    <PublicPage title={t('invitation.title')}>
      <p className="public-intro">{t('invitation.intro')}</p>
      <Form
        layout="vertical"
        size="large"
        requiredMark={false}
        onFinish={(fields: Fields) => void submit(fields)}
      >
        <div role="alert">
          {error !== null && (
            <Alert className="public-alert" type="error" showIcon message={errorText(error, t)} />
          )}
        </div>
        <Form.Item
          name="password"
          label={t('invitation.password')}
          extra={t('invitation.passwordRule', { count: PASSWORD_LENGTH_MIN })}
          rules={[
            {
              required: true,
              min: PASSWORD_LENGTH_MIN,
              message: t('invitation.passwordRule', { count: PASSWORD_LENGTH_MIN }),
            },
          ]}
        >
          <Input.Password autoComplete="new-password" maxLength={200} autoFocus />
        </Form.Item>
        <Form.Item
          name="again"
          label={t('invitation.again')}
          dependencies={['password']}
          rules={[
            ({ getFieldValue }) => ({
              validator: (_, value) =>
                value === getFieldValue('password')
                  ? Promise.resolve()
                  : Promise.reject(new Error(t('invitation.different'))),
            }),
          ]}
        >
          <Input.Password autoComplete="new-password" maxLength={200} />
        </Form.Item>
        <Button type="primary" htmlType="submit" block loading={busy}>
          {t('invitation.submit')}
        </Button>
      </Form>
    </PublicPage>
  );
}
