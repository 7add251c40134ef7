import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

const zoo = process.env.ZOO_URL ?? 'http://127.0.0.1:3000';

export default defineConfig({
  plugins: [react()],
  build: {
    outDir: '../zookeeper_sdk/ainimal_zookeeper/client/web',
    emptyOutDir: true,
    // Nothing inline: the page runs under a content security policy without 'unsafe-inline' or data: addresses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2022',
  },
  server: { proxy: { '/graphql': zoo, '/healthz': zoo, '/bucket': zoo } },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
});
