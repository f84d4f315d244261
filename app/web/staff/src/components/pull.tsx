import type { PullToRefresh } from "antd-mobile";
import { type ReactNode, useEffect, useState } from "react";

let ready: typeof PullToRefresh | undefined;

/**
 * Pulling down reads anew. The library's gestures come after the first screen is shown: nobody pulls before
 * there is something to see.
 */
export function Pull({ onRefresh, children }: { onRefresh(): Promise<unknown>; children: ReactNode }) {
  const [Component, setComponent] = useState<typeof PullToRefresh | undefined>(() => ready);
  useEffect(() => {
    if (Component) return;
    let off = false;
    // Without it the screen works, and says so less often.
    import("./gestures").then(
      (m) => {
        ready = m.PullToRefresh;
        if (!off) setComponent(() => m.PullToRefresh);
      },
      () => {},
    );
    return () => {
      off = true;
    };
  }, [Component]);
  if (!Component) return <>{children}</>;
  return <Component onRefresh={async () => void (await onRefresh())}>{children}</Component>;
}
