import { QueryClient } from "@tanstack/react-query";
import { ApiError } from "./api/client";

/** One client for an app: it repeats what nobody answered, and never what was refused. */
export function newQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 5_000,
        refetchOnWindowFocus: true,
        retry: (times, e) => e instanceof ApiError && (e.offline || e.status === 503) && times < 10,
        retryDelay: (times) => Math.min(500 * 2 ** times, 5_000),
      },
      mutations: { retry: false },
    },
  });
}
