import { ApiError } from "@koi/shared";
import { type QueryKey, useMutation, useQueryClient } from "@tanstack/react-query";
import { App } from "antd";

/** What went wrong, with every field that is to blame. */
export function said(e: unknown): string {
  if (!(e instanceof ApiError)) return "没有成功，请稍后再试";
  const more = e.problems.map((p) => p.message).filter((m) => m && !e.message.includes(m));
  return [e.message, ...more].join("；");
}

/**
 * An act on the server: says how it went and reads anew what it changed, also when somebody else was faster
 * (409, 412): then what is shown is no longer true.
 */
export function useAct<In, Out>(act: (input: In) => Promise<Out>, options: { done?: string | ((out: Out) => string); changes?: QueryKey[]; onDone?(out: Out, input: In): void; quiet?: boolean } = {}) {
  const { message } = App.useApp();
  const client = useQueryClient();
  const read = () => Promise.all((options.changes ?? []).map((queryKey) => client.invalidateQueries({ queryKey })));
  return useMutation({
    mutationFn: act,
    async onSuccess(out, input) {
      const text = typeof options.done === "function" ? options.done(out) : options.done;
      if (text) void message.success(text);
      options.onDone?.(out, input);
      await read();
    },
    async onError(e) {
      if (!options.quiet) void message.error(said(e), 6);
      if (e instanceof ApiError && (e.status === 409 || e.status === 412)) await read();
    },
  });
}
