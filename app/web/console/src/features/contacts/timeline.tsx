import { api, clock, data, day, type Schema } from "@koi/shared";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Button, Skeleton } from "antd";
import { Failure, Nothing } from "../../components/states";
import { color } from "../../theme";

type Entry = Schema<"TimelineEntry">;

const kinds: Record<string, (type: string) => boolean> = {
  all: () => true,
  acts: (t) => /^(oa|mp|wecom|page|form|file|link|qrcode|meeting|trial|cart|order|custom)\./.test(t),
  messages: (t) => t.startsWith("message."),
  changes: (t) => /^(tag|stage|score|contact|consent)\./.test(t),
};

/** What happened, by day, the newest first. Lines that came while the screen was open stand out for a while. */
export function Timeline({ contact, kind, fresh }: { contact: string; kind: string; fresh: ReadonlySet<string> }) {
  const q = useInfiniteQuery({
    queryKey: ["timeline", contact],
    queryFn: ({ pageParam }) => data(api.GET("/contacts/{id}/timeline", { params: { path: { id: contact }, query: { cursor: pageParam, limit: 100 } } })),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next || undefined,
  });
  if (q.isPending) return <Skeleton active />;
  if (q.error && !q.data) return <Failure small error={q.error} onRetry={() => void q.refetch()} />;
  const entries = (q.data?.pages ?? []).flatMap((p) => p.items).filter((e) => kinds[kind]?.(e.type));
  const days = new Map<string, Entry[]>();
  for (const e of entries) days.set(day(e.at), [...(days.get(day(e.at)) ?? []), e]);
  return (
    <div aria-live="polite">
      {entries.length === 0 && <Nothing what={kind === "all" ? "还没有动态" : "没有这一类动态"} hint="有新的动态会自动出现在这里。" />}
      {[...days].map(([name, list]) => (
        <section key={name}>
          <h3 style={{ fontSize: 13, color: color.quiet, fontWeight: 500, margin: "8px 0" }}>{name}</h3>
          {list.map((e) => (
            <Row key={e.id} entry={e} fresh={fresh.has(e.id)} />
          ))}
        </section>
      ))}
      {q.hasNextPage && (
        <Button block type="text" loading={q.isFetchingNextPage} onClick={() => void q.fetchNextPage()}>
          更早的动态
        </Button>
      )}
    </div>
  );
}

function Row({ entry, fresh }: { entry: Entry; fresh: boolean }) {
  const said = entry.text;
  const tone = entry.type.startsWith("message.") ? color.accent : /^(tag|stage|score)\./.test(entry.type) ? color.koi : /^(journey|contact)\./.test(entry.type) ? "#98a2b3" : color.good;
  return (
    <div className={fresh ? "entry fresh" : "entry"} title={entry.note}>
      <span className="num" style={{ color: color.quiet, fontSize: 13 }}>
        {clock(entry.at)}
      </span>
      <i aria-hidden style={{ background: tone }} />
      <span>
        <b style={{ fontWeight: 500 }}>{entry.label}</b>
        {said && <span style={{ color: color.quiet, overflowWrap: "anywhere" }}>　{said}</span>}
        {entry.staff && <span style={{ color: color.quiet }}>　员工：{entry.staff.name || entry.staff.user_id}</span>}
      </span>
    </div>
  );
}
