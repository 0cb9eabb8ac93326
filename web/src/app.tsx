// Providers and routes. Each page is a chunk of its own.
import { App as AntApp, ConfigProvider } from 'antd';
import type { Locale } from 'antd/es/locale';
import { lazy, Suspense, useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { BrowserRouter, Navigate, Route, Routes } from 'react-router-dom';
import { PageSpinner } from './components/page-spinner';
import { currentLanguage, type Language } from './i18n';
import { theme } from './theme';

const SignInPage = lazy(() => import('./pages/sign-in/sign-in-page'));
const InvitationPage = lazy(() => import('./pages/invitation/invitation-page'));
const Shell = lazy(() => import('./shell/shell'));
const ChatPage = lazy(() => import('./pages/chat/chat-page'));
const DirectoryPage = lazy(() => import('./pages/directory/directory-page'));
const ImportPage = lazy(() => import('./pages/import/import-page'));

const antLocales: Record<Language, () => Promise<{ default: Locale }>> = {
  'zh-Hant-HK': () => import('antd/es/locale/zh_HK'),
  en: () => import('antd/es/locale/en_US'),
  'zh-Hans': () => import('antd/es/locale/zh_CN'),
};

export function App() {
  const locale = useAntLocale();
  return (
    <ConfigProvider theme={theme} locale={locale} button={{ autoInsertSpace: false }}>
      <AntApp component={false} message={{ maxCount: 2 }}>
        <BrowserRouter>
          <Suspense fallback={<PageSpinner />}>
            <Routes>
              <Route path="/sign-in" element={<SignInPage />} />
              <Route path="/invitation" element={<InvitationPage />} />
              <Route element={<Shell />}>
                <Route path="/" element={<ChatPage />} />
                <Route path="/conversations/:conversationId" element={<ChatPage />} />
                <Route path="/directory" element={<DirectoryPage />} />
                <Route path="/import" element={<ImportPage />} />
              </Route>
              <Route path="*" element={<Navigate to="/" replace />} />
            </Routes>
          </Suspense>
        </BrowserRouter>
      </AntApp>
    </ConfigProvider>
  );
}

function useAntLocale(): Locale | undefined {
  const { i18n } = useTranslation();
  const [locale, setLocale] = useState<Locale>();
  useEffect(() => {
    let current = true;
    void antLocales[currentLanguage()]().then((module) => current && setLocale(module.default));
    return () => {
      current = false;
    };
  }, [i18n.language]);
  return locale;
}
