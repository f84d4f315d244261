import { createBrowserRouter, Link, useRouteError } from "react-router";
import { Home, Shell } from "./shell";
import { SignInPage } from "./features/session/page";

/** Every screen is a chunk of its own: the first one is on the screen before the others are on their way. */
const screen = (load: () => Promise<{ default: React.ComponentType }>) => async () => ({ Component: (await load()).default });

export const router = createBrowserRouter(
  [
    { path: "/sign-in", element: <SignInPage /> },
    {
      path: "/",
      element: <Shell />,
      errorElement: <Broken />,
      HydrateFallback: () => <p className="wait">正在打开…</p>,
      children: [
        { index: true, element: <Home /> },
        { path: "leads", lazy: screen(() => import("./features/leads/page")) },
        { path: "contacts/:id", lazy: screen(() => import("./features/contact/page")) },
        { path: "shares", lazy: screen(() => import("./features/shares/page")) },
        { path: "shares/:page", lazy: screen(() => import("./features/shares/detail")) },
        { path: "visitors", lazy: screen(() => import("./features/visitors/page")) },
        { path: "me", lazy: screen(() => import("./features/me/page")) },
        { path: "*", element: <Nowhere /> },
      ],
    },
  ],
  { basename: "/staff" },
);

function Nowhere() {
  return (
    <div className="blank" role="alert">
      <b>没有这个页面</b>
      <p>链接可能已过期。</p>
      <Link className="button" to="/">
        回到首页
      </Link>
    </div>
  );
}

/** A screen that fell over, or whose code is gone since Koi was upgraded. */
function Broken() {
  const error = useRouteError();
  return (
    <div className="blank" role="alert">
      <b>页面没有打开</b>
      <p>{/import|fetch|chunk/i.test(String(error)) ? "Koi 可能刚升级，或网络断开了。" : "页面出错了，您的数据不受影响。"}</p>
      <button type="button" className="button" onClick={() => location.reload()}>
        刷新
      </button>
    </div>
  );
}
