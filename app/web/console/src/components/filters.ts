import { useSearchParams } from "react-router";

/** What a list is narrowed by stands in the address, so that it can be sent to a colleague. */
export function useFilters(): [query: URLSearchParams, set: (key: string, value?: string) => void] {
  const [query, setQuery] = useSearchParams();
  const set = (key: string, value?: string) =>
    setQuery(
      (q) => {
        if (value) q.set(key, value);
        else q.delete(key);
        return q;
      },
      { replace: true },
    );
  return [query, set];
}
