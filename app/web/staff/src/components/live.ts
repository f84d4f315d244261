import { type Topic, useStream } from "@koi/shared";
import { type QueryKey, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";

/** Reads keys anew when something of the topics happens, at most once a second. */
export function useLive(topics: Topic[], keys: QueryKey[], options: { contact?: string; off?: boolean } = {}): boolean {
  const client = useQueryClient();
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const read = () => {
    for (const queryKey of keys) void client.invalidateQueries({ queryKey });
  };
  return useStream(
    topics,
    {
      entry() {
        timer.current ??= setTimeout(() => {
          timer.current = undefined;
          read();
        }, 1_000);
      },
      reset: read,
    },
    options,
  );
}
