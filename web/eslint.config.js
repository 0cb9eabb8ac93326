import js from '@eslint/js';
import jsxA11y from 'eslint-plugin-jsx-a11y';
import react from 'eslint-plugin-react';
import reactHooks from 'eslint-plugin-react-hooks';
import globals from 'globals';
import tseslint from 'typescript-eslint';

// Text that people read stands in src/i18n, nowhere else.
const TEXT_ATTRIBUTES = [
  'alt',
  'aria-label',
  'cancelText',
  'description',
  'extra',
  'label',
  'message',
  'okText',
  'placeholder',
  'title',
];

export default tseslint.config(
  { ignores: ['dist', 'src/api/schema.ts', 'test-results', 'screenshots'] },
  js.configs.recommended,
  ...tseslint.configs.strict,
  {
    files: ['src/**/*.{ts,tsx}'],
    languageOptions: { globals: globals.browser },
    plugins: { react, 'react-hooks': reactHooks, 'jsx-a11y': jsxA11y },
    settings: { react: { version: '18.3' } },
    rules: {
      ...jsxA11y.flatConfigs.recommended.rules,
      ...reactHooks.configs.recommended.rules,
      'jsx-a11y/no-autofocus': 'off', // the one field a page or an edit is for
      'jsx-a11y/no-noninteractive-tabindex': ['error', { tags: [], roles: ['region'] }], // what scrolls takes the focus
      '@typescript-eslint/no-unused-vars': ['error', { varsIgnorePattern: '^_$' }],
      'react/jsx-no-literals': ['error', { noStrings: true, ignoreProps: true }],
      'react/jsx-key': 'error',
      'no-restricted-syntax': [
        'error',
        {
          selector: `JSXAttribute[name.name=/^(${TEXT_ATTRIBUTES.join('|')})$/] > Literal[value=/./]`,
          message: 'Text belongs into the catalogues in src/i18n.',
        },
        {
          selector: 'Literal[value=/[\\u3400-\\u9fff]/]',
          message: 'Text belongs into the catalogues in src/i18n.',
        },
        {
          selector: 'TemplateElement[value.raw=/[\\u3400-\\u9fff]/]',
          message: 'Text belongs into the catalogues in src/i18n.',
        },
      ],
    },
  },
  { files: ['src/**/*.test.ts'], rules: { 'no-restricted-syntax': 'off' } },
  {
    files: ['scripts/**', 'e2e/**', '*.config.*'],
    languageOptions: { globals: { ...globals.node, ...globals.browser } },
  },
);
