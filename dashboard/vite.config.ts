import { fileURLToPath } from 'node:url'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vitest/config'

/** Where `npm run dev` finds a gateway; set BRIGHTWATCH_GATEWAY to use another. */
const gateway = process.env['BRIGHTWATCH_GATEWAY'] ?? 'http://127.0.0.1:8080'

export default defineConfig({
  plugins: [vue()],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  server: {
    host: '127.0.0.1',
    proxy: {
      // The gateway checks that Origin and Host agree, so the proxy must present the gateway's own.
      '/api': { target: gateway, changeOrigin: true, ws: true, headers: { origin: gateway } },
    },
  },
  build: {
    target: 'es2022',
    // The parts that change seldom, so that an update of ours leaves them in the browser's cache.
    rollupOptions: {
      output: {
        manualChunks: { vue: ['vue', 'vue-router'], widgets: ['naive-ui'], map: ['leaflet'] },
      },
    },
    // Naive UI (250 kB gzip) and ECharts (210 kB gzip) are larger than the default limit; on a local network that is fine.
    chunkSizeWarningLimit: 900,
  },
  test: { include: ['src/**/*.test.ts'] },
})
