import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// One folder of the program's embedded files; hashed names may be kept for ever.
export default defineConfig({
  base: "/staff/",
  plugins: [react()],
  build: {
    outDir: "../dist/staff",
    emptyOutDir: true,
    manifest: true,
    // Webviews of old phones are still about.
    target: "es2020",
    chunkSizeWarningLimit: 1200,
  },
  server: { port: 5174, proxy: { "/api": process.env.KOI ?? "http://127.0.0.1:8080" } },
});
