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
    // Only what few screens need gets a chunk of its own: antd in one group would be loaded whole at sign-in.
    rolldownOptions: { output: { codeSplitting: { groups: [{ name: "echarts", test: /node_modules[\\/](echarts|zrender)/ }, { name: "flow", test: /node_modules[\\/](@xyflow|@dagrejs)/ }] } } },
  },
  server: { port: 5173, proxy: { "/api": process.env.KOI ?? "http://127.0.0.1:8080" } },
});
