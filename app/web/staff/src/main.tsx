import { newQueryClient, SessionProvider } from "@koi/shared";
import { QueryClientProvider } from "@tanstack/react-query";
import { unstableSetRender } from "antd-mobile";
import { createRoot, type Root } from "react-dom/client";
import { RouterProvider } from "react-router";
import { router } from "./routes";
import "./style.css";

// Toasts and dialogs that are shown by a call draw themselves with a renderer React 19 no longer has.
const roots = new WeakMap<Element | DocumentFragment, Root>();
unstableSetRender((node, container) => {
  const root = roots.get(container) ?? createRoot(container);
  roots.set(container, root);
  root.render(node);
  return async () => {
    roots.delete(container);
    root.unmount();
  };
});

createRoot(document.getElementById("root")!).render(
  <QueryClientProvider client={newQueryClient()}>
    <SessionProvider pending={<p className="wait">正在打开…</p>}>
      <RouterProvider router={router} />
    </SessionProvider>
  </QueryClientProvider>,
);
