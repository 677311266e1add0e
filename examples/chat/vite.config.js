import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// The page calls /v1/ai-sdk on its own origin; the server behind it is set here.
const server = process.env.AGENTSERVER_URL ?? "http://127.0.0.1:8000";
const proxy = { "/v1": { target: server, changeOrigin: true } };

export default defineConfig({
  plugins: [react()],
  server: { proxy },
  preview: { proxy },
});
