import { useTranslation } from 'react-i18next';
import { changeLanguage, LANGUAGES, type Language } from '../i18n';
import { useLanguage } from './hooks';
import { NativeSelect } from './native-select';

export function LanguageSelect() {
  const { t } = useTranslation();
  const language = useLanguage();
  return (
    <NativeSelect
      label={t('language.label')}
      value={language}
      options={Object.entries(LANGUAGES).map(([value, text]) => ({ value, text, lang: value }))}
      onChange={(value) => void changeLanguage(value as Language)}
    />
  );
}
