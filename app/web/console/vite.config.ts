import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// One folder of the program's embedded files; hashed names may be kept for ever.
export default defineConfig({
  base: "/console/",
  plugins: [react()],
  build: {
    outDir: "../dist/console",
    emptyOutDir: true,
    manifest: true,
    target: "es2022",
    chunkSizeWarningLimit: 1200,
    // No groups of chunks: what is named in one takes along what it imports, React too, and then even
    // signing in would wait for a graph library. Left alone, a module is loaded by the screens that use it.
  },
  server: { port: 5173, proxy: { "/api": process.env.KOI ?? "http://127.0.0.1:8080" } },
});
