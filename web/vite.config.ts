import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

// `npm run dev` passes everything but the pages on to a running Kongsi.
const gateway = process.env.KONGSI_URL ?? 'http://localhost:8080';

export default defineConfig({
  plugins: [react()],
  server: { proxy: { '/v1': gateway, '/config.json': gateway, '/openapi.json': gateway } },
  build: {
    target: 'es2022',
    // The content security policy has no 'unsafe-inline' for scripts and no data: scripts.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1000,
  },
  test: {
    include: ['src/**/*.test.ts'],
    environment: 'node',
    reporters: ['default', ['junit', { outputFile: 'test-results/unit.xml' }]],
  },
});
