import { useEffect, useRef, useState } from "react";

export interface Live {
  /** What happened; the shape is the topic's (see /stream in the API). */
  type: string;
  data: unknown;
}

/**
 * Listens to the server's events while a screen is open. The browser reconnects by itself and says which
 * event it saw last, so nothing is missed and nothing comes twice.
 */
export function useStream(topics: string[], onEvent: (e: Live) => void, options: { contact?: string; paused?: boolean } = {}): boolean {
  const [connected, setConnected] = useState(false);
  const listener = useRef(onEvent);
  useEffect(() => {
    listener.current = onEvent;
  });
  const query = new URLSearchParams({ topics: topics.join(",") });
  if (options.contact) query.set("contact", options.contact);
  const url = options.paused ? "" : `/api/v1/stream?${query}`;
  useEffect(() => {
    if (!url) return;
    let source: EventSource;
    let again: ReturnType<typeof setTimeout> | undefined;
    let seen = "";
    const open = () => {
      source = new EventSource(url);
      source.onopen = () => setConnected(true);
      source.onmessage = (m) => take("message", m);
      for (const topic of topics) source.addEventListener(topic, (m) => take(topic, m));
      source.onerror = () => {
        setConnected(false);
        // A server that answers with an error ends the source for good; one that is away does not.
        if (source.readyState === EventSource.CLOSED) again = setTimeout(open, 3_000);
      };
    };
    const take = (type: string, m: MessageEvent<string>) => {
      if (m.lastEventId && m.lastEventId === seen) return;
      seen = m.lastEventId;
      try {
        listener.current({ type, data: JSON.parse(m.data) });
      } catch {
        // a heartbeat
      }
    };
    open();
    return () => {
      clearTimeout(again);
      source.close();
    };
  }, [url]);
  return connected;
}
