import { readAnew, type Topic, useStream } from "@koi/shared";
import { type QueryKey, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";

/**
 * Reads anew what a screen shows when something of the topics happens: at most once in `every` milliseconds,
 * however much comes at a time. Returns whether the connection stands.
 */
export function useRefresh(topics: Topic[], keys: QueryKey[], options: { contact?: string; off?: boolean; every?: number } = {}): boolean {
  const client = useQueryClient();
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const latest = useRef(keys);
  useEffect(() => {
    latest.current = keys;
  });
  useEffect(() => () => clearTimeout(timer.current), []);
  const read = () => {
    for (const queryKey of latest.current) readAnew(client, queryKey);
  };
  return useStream(
    topics,
    {
      entry() {
        timer.current ??= setTimeout(() => {
          timer.current = undefined;
          read();
        }, options.every ?? 1_000);
      },
      reset: read,
    },
    { contact: options.contact, off: options.off },
  );
}
