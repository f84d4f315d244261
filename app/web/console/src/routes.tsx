import { lazy, type ComponentType } from "react";
import { createBrowserRouter, Link } from "react-router";
import { Shell } from "./shell";

/** A screen that is loaded when it is opened. */
function screen(load: () => Promise<{ default: ComponentType }>) {
  const Screen = lazy(load);
  return <Screen />;
}

const frame = lazy(() => import("./frame"));

/** A screen that broke, or whose code a new version of Koi replaced. */
function Broken() {
  return (
    <main className="plain">
      <h1>页面出错了</h1>
      <p>Koi 可能刚刚升级。请刷新；仍然如此，请把发生的时间告诉管理员。</p>
      <button type="button" onClick={() => location.reload()}>
        刷新
      </button>
    </main>
  );
}

function NotFound() {
  return (
    <main className="plain">
      <h1>没有这个页面</h1>
      <p>地址可能写错了，或这个功能还没有。</p>
      <Link to="/">回到工作台</Link>
    </main>
  );
}

export const router = createBrowserRouter(
  [
    { Component: frame, errorElement: <Broken />, children: [{ path: "/sign-in", element: screen(() => import("./features/session/page")) }] },
    {
      path: "/",
      element: <Shell />,
      errorElement: <Broken />,
      children: [
        { index: true, element: screen(() => import("./features/home/page")) },
        { path: "contacts", element: screen(() => import("./features/contacts/list")) },
        { path: "contacts/:id", element: screen(() => import("./features/contacts/detail")) },
        { path: "journeys", element: screen(() => import("./features/journeys/list")) },
        { path: "journeys/:id", element: screen(() => import("./features/journeys/detail")) },
        { path: "messages", element: screen(() => import("./features/messages/list")) },
        { path: "shares", element: screen(() => import("./features/shares/list")) },
        { path: "shares/:token", element: screen(() => import("./features/shares/detail")) },
        { path: "onboarding", element: screen(() => import("./features/onboarding/page")) },
        { path: "settings/accounts", element: screen(() => import("./features/settings/accounts")) },
        { path: "settings/users", element: screen(() => import("./features/settings/users")) },
        { path: "settings/keys", element: screen(() => import("./features/settings/keys")) },
        { path: "settings/webhooks", element: screen(() => import("./features/settings/webhooks")) },
        { path: "settings/audit", element: screen(() => import("./features/settings/audit")) },
        { path: "settings/system", element: screen(() => import("./features/system/status")) },
        { path: "settings/dead-letters", element: screen(() => import("./features/system/letters")) },
        { path: "*", element: <NotFound /> },
      ],
    },
  ],
  { basename: "/console" },
);
