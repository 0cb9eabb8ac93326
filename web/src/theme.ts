import type { ThemeConfig } from 'antd';

export const theme: ThemeConfig = {
  token: {
    colorPrimary: '#0b6e66',
    colorPrimaryBg: '#dcf1ec',
    colorPrimaryBgHover: '#cdebe4',
    colorInfo: '#0b6e66',
    colorInfoBg: '#e9f5f2',
    colorInfoBorder: '#b5d9d2',
    colorLink: '#0b6e66',
    colorError: '#c22f2f',
    colorTextSecondary: '#4d5b5a',
    colorTextTertiary: '#5f6d6c',
    colorTextDescription: '#56635f',
    colorTextPlaceholder: '#687573',
    colorBgLayout: '#f3f6f5',
    borderRadius: 8,
    fontSize: 15,
    controlHeight: 36,
    fontFamily: 'inherit',
  },
  components: {
    Button: { primaryShadow: 'none', defaultShadow: 'none', dangerShadow: 'none' },
    Modal: { titleFontSize: 18 },
  },
};
