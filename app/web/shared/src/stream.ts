import { useEffect, useRef, useState } from "react";
import type { Schema } from "./api/client";

export type Topic = "events" | "messages" | "journeys" | "system";

/**
 * Listens to what the pipeline commits while a screen is open. The browser reconnects by itself and says
 * what it saw last, so nothing is missed; what comes twice has the id it had before. When too much was
 * missed, onReset is called and the screen reads anew. Returns whether the connection stands.
 */
export function useStream(
  topics: Topic[],
  on: { entry?(e: Schema<"TimelineEntry">): void; pulse?(p: { lag_seconds: number }): void; reset?(): void },
  options: { contact?: string; off?: boolean } = {},
): boolean {
  const [connected, setConnected] = useState(false);
  const handlers = useRef(on);
  useEffect(() => {
    handlers.current = on;
  });
  const query = new URLSearchParams({ topics: topics.join(",") });
  if (options.contact) query.set("contact", options.contact);
  const url = options.off ? "" : `/api/v1/stream?${query}`;
  useEffect(() => {
    if (!url) return;
    let source: EventSource;
    let again: ReturnType<typeof setTimeout> | undefined;
    let had = false;
    const open = () => {
      source = new EventSource(url);
      source.onopen = () => {
        // A new source does not know what the one before saw.
        if (had) handlers.current.reset?.();
        had = true;
        setConnected(true);
      };
      source.onerror = () => {
        setConnected(false);
        // A server that answers with an error ends the source for good; one that is away does not.
        if (source.readyState !== EventSource.CLOSED) return;
        again = setTimeout(open, 3_000);
      };
      // What one listens to is called by many; what comes is one.
      for (const topic of ["event", "message", "journey"]) {
        source.addEventListener(topic, (m) => handlers.current.entry?.(JSON.parse((m as MessageEvent<string>).data)));
      }
      source.addEventListener("system", (m) => handlers.current.pulse?.(JSON.parse((m as MessageEvent<string>).data)));
      source.addEventListener("reset", () => handlers.current.reset?.());
    };
    // A browser opens six connections to one server, for all its tabs: those nobody looks at give theirs up.
    let leaving: ReturnType<typeof setTimeout> | undefined;
    const close = () => {
      clearTimeout(again);
      source.close();
      setConnected(false);
    };
    const look = () => {
      clearTimeout(leaving);
      if (document.visibilityState === "hidden") leaving = setTimeout(close, 5_000);
      else if (source.readyState === EventSource.CLOSED) {
        clearTimeout(again);
        open();
      }
    };
    open();
    document.addEventListener("visibilitychange", look);
    window.addEventListener("pagehide", close);
    window.addEventListener("pageshow", look);
    return () => {
      clearTimeout(leaving);
      document.removeEventListener("visibilitychange", look);
      window.removeEventListener("pagehide", close);
      window.removeEventListener("pageshow", look);
      clearTimeout(again);
      source.close();
    };
  }, [url]);
  return connected;
}
