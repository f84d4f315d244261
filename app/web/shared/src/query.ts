import { QueryClient, type QueryKey } from "@tanstack/react-query";
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

/**
 * Reads anew what something happened to. What is being read for the first time may have been asked for before
 * that, and is read once more when it is there.
 */
export function readAnew(client: QueryClient, queryKey: QueryKey): void {
  const first = client.getQueryCache().findAll({ queryKey, type: "active", fetchStatus: "fetching", predicate: (q) => q.state.data === undefined });
  void client.invalidateQueries({ queryKey });
  for (const q of first) {
    void q.promise?.then(
      () => client.invalidateQueries({ queryKey: q.queryKey, exact: true }),
      () => undefined, // what failed says so, and is read by whoever tries again
    );
  }
}
