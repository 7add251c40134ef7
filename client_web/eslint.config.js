import hooks from 'eslint-plugin-react-hooks';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

// Layers, lowest first. A layer may import itself and what is named beside it, nothing else.
const layers = {
  domain: [],
  api: ['domain'],
  live: ['domain', 'api'],
  recording: ['domain', 'api'],
  ui: ['domain'],
  views: ['domain', 'api', 'live', 'recording', 'ui'],
  app: ['domain', 'api', 'live', 'recording', 'ui', 'views'],
};
const names = Object.keys(layers);

const arrows = names.map((layer) => {
  const forbidden = names.filter((name) => name !== layer && !layers[layer].includes(name));
  return {
    files: [`src/${layer}/**/*.{ts,tsx}`],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            ...(forbidden.length > 0
              ? [{ regex: `^(\\.\\./)+(${forbidden.join('|')})(/|$)`, message: `${layer} may import ${layers[layer].join(', ') || 'nothing'} only` }]
              : []),
            ...(layer === 'domain' ? [{ regex: '^[^.]', message: 'domain is pure: no packages' }] : []),
          ],
        },
      ],
    },
  };
});

export default defineConfig(
  globalIgnores(['generated', 'node_modules']),
  {
    files: ['src/**/*.{ts,tsx}'],
    extends: [tseslint.configs.strictTypeChecked, hooks.configs.flat['recommended-latest']],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true }],
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
    },
  },
  ...arrows,
  {
    files: ['src/domain/**/*.test.ts'],
    rules: { 'no-restricted-imports': 'off' },
  },
);
