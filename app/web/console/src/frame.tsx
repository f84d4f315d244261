import { useSession } from "@koi/shared";
import { App, ConfigProvider } from "antd";
import "antd/dist/reset.css";
import zhCN from "antd/locale/zh_CN";
import { lazy, Suspense } from "react";
import { Outlet } from "react-router";
import { Wait } from "./shell";
import { theme } from "./theme";

const SignInAgain = lazy(() => import("./features/session/again"));

/** What every screen stands in: antd in our theme and language, messages, and signing in again. */
export default function Frame() {
  const session = useSession();
  return (
    <ConfigProvider locale={zhCN} theme={theme} button={{ autoInsertSpace: false }}>
      <App message={{ maxCount: 3 }}>
        <Suspense fallback={<Wait />}>
          <Outlet />
        </Suspense>
        {session.lost && (
          <Suspense>
            <SignInAgain />
          </Suspense>
        )}
      </App>
    </ConfigProvider>
  );
}
