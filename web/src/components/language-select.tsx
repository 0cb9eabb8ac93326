import { GlobalOutlined } from '@ant-design/icons';
import { Select } from 'antd';
import { useTranslation } from 'react-i18next';
import { changeLanguage, LANGUAGES, type Language } from '../i18n';
import { useLanguage } from './hooks';

const OPTIONS = Object.entries(LANGUAGES).map(([value, label]) => ({
  value,
  label: <span lang={value}>{label}</span>,
}));

export function LanguageSelect({ bordered = true }: { bordered?: boolean }) {
  const { t } = useTranslation();
  const language = useLanguage();
  return (
    <Select
      aria-label={t('language.label')}
      variant={bordered ? 'outlined' : 'borderless'}
      value={language}
      options={OPTIONS}
      suffixIcon={<GlobalOutlined />}
      popupMatchSelectWidth={160}
      onChange={(value) => void changeLanguage(value as Language)}
    />
  );
}
