import { api, data } from "@koi/shared";
import { useQuery } from "@tanstack/react-query";

const kinds: Record<string, string> = { template: "message", tags: "tag", stages: "stage", stage: "stage", score: "score", field: "field", webhook: "webhook" };

/** What definitions are called, by how a config names them. */
export function useNames(): (editor: string, key: string) => string | undefined {
  const all = useQuery({
    queryKey: ["definitions", "names"],
    queryFn: async () => {
      const names = new Map<string, string>();
      for (let cursor: string | undefined, turns = 0; turns < 10; turns++) {
        const page = await data(api.GET("/settings", { params: { query: { cursor, limit: 200 } } }));
        for (const s of page.items) {
          const body = s.body as { name?: string; label?: string } | null;
          const name = body?.name ?? body?.label;
          if (name) names.set(`${s.kind}/${s.key}`, name);
        }
        if (!page.next) break;
        cursor = page.next;
      }
      return names;
    },
    staleTime: 60_000,
  });
  return (editor, key) => all.data?.get(`${kinds[editor] ?? editor}/${key}`);
}
