import { newQueryClient, SessionProvider } from "@koi/shared";
import { QueryClientProvider } from "@tanstack/react-query";
import { createRoot } from "react-dom/client";
import { RouterProvider } from "react-router";
import { router } from "./routes";
import { Wait } from "./shell";
import "./style.css";

createRoot(document.getElementById("root")!).render(
  <QueryClientProvider client={newQueryClient()}>
    <SessionProvider pending={<Wait />}>
      <RouterProvider router={router} />
    </SessionProvider>
  </QueryClientProvider>,
);
