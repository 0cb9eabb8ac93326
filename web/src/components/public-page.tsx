import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { LanguageSelect } from './language-select';
import '../styles/public.css';

/** The frame of pages for people who are not signed in. */
export function PublicPage({ title, children }: { title: string; children: ReactNode }) {
  const { t } = useTranslation();
  return (
    <div className="public">
      <div className="public-side" aria-hidden="true">
        <img src="/icon.svg" alt="" width={56} height={56} />
        <p className="public-claim">{t('brand.claim')}</p>
        <p className="public-detail">{t('brand.detail')}</p>
      </div>
      <main className="public-main">
        <div className="public-language">
          <LanguageSelect />
        </div>
        <div className="public-card">
          <div className="public-brand">
            <img src="/icon.svg" alt="" width={36} height={36} />
            <span>{t('brand.name')}</span>
          </div>
          <h1>{title}</h1>
          {children}
        </div>
      </main>
    </div>
  );
}
