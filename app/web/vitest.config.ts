import { defineConfig } from "vitest/config";

// Logic only, so no browser: what is drawn is tested in Chromium (e2e/).
export default defineConfig({
  test: { include: ["{shared,console,staff}/src/**/*.test.ts"], environment: "node", env: { TZ: "Asia/Shanghai" } },
});
