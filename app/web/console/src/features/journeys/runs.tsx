import { api, clock, data, day, time, type Schema } from "@koi/shared";
import { useQuery } from "@tanstack/react-query";
import { Button, Drawer, Select, Skeleton, Tag } from "antd";
import { useState } from "react";
import { Link } from "react-router";
import { List } from "../../components/list";
import { Failure, Nothing } from "../../components/states";
import { color } from "../../theme";
import type { Detail } from "./graph";

type Run = Schema<"Run">;

const tones: Record<string, string> = { open: "blue", finished: "green", failed: "red" };

/** Who is inside, who was, and how it ended. */
export function Runs({ journey, node, onNode }: { journey: Detail; node: string; onNode(step: string): void }) {
  const [status, setStatus] = useState("");
  const [open, setOpen] = useState<Run>();
  return (
    <>
      <List<Run>
        queryKey={["runs", journey.id, { status, node }]}
        load={(cursor) => data(api.GET("/journeys/{id}/runs", { params: { path: { id: journey.id }, query: { status: status || undefined, node: node || undefined, cursor, limit: 50 } } }))}
        rowKey="id"
        onRow={(r) => ({ onClick: () => setOpen(r), style: { cursor: "pointer" } })}
        filters={
          <>
            <Select
              value={status}
              onChange={setStatus}
              style={{ width: 140 }}
              aria-label="按状态筛选"
              options={[
                { value: "", label: "全部状态" },
                { value: "open", label: "在途" },
                { value: "finished", label: "走完" },
                { value: "exited", label: "提前离开" },
                { value: "failed", label: "失败" },
              ]}
            />
            <Select
              value={node}
              onChange={onNode}
              style={{ width: 320 }}
              aria-label="按步骤筛选"
              options={[{ value: "", label: "任何一步" }, ...journey.steps.map((s) => ({ value: s.id, label: `${s.label}：${s.summary}` }))]}
            />
          </>
        }
        empty={
          status || node ? (
            <Nothing what="没有符合条件的人" />
          ) : (
            <Nothing what="还没有人进入过" hint={journey.status === "live" ? `触发条件满足就会自动进入：${journey.triggers.join("；")}` : `旅程现在是「${journey.status_label}」，运行后才会有人进入。`} />
          )
        }
        columns={[
          {
            title: "客户",
            width: 160,
            render: (_, r) =>
              r.contact_id ? (
                <Link to={`/contacts/${r.contact_id}`} onClick={(e) => e.stopPropagation()}>
                  {r.contact_name || `客户 ${r.contact_id}`}
                </Link>
              ) : (
                r.staff
              ),
          },
          {
            title: "状态",
            width: 96,
            render: (_, r) => (
              <Tag variant="filled" color={tones[r.status]}>
                {r.status_label}
              </Tag>
            ),
          },
          { title: "在哪一步", width: 160, render: (_, r) => r.node_label },
          { title: "进入", width: 112, render: (_, r) => time(r.entered_at) },
          { title: "到这一步", width: 112, render: (_, r) => time(r.arrived_at) },
          { title: "接下来", render: (_, r) => (r.due_at ? `${time(r.due_at)} 继续` : r.ended_at ? `${time(r.ended_at)} 结束` : "等事件") },
          { title: "原因", render: (_, r) => <span style={{ display: "inline-block", maxWidth: 320, whiteSpace: "normal" }}>{r.reason || "—"}</span> },
          { title: "", key: "act", width: 72, render: (_, r) => <Button type="link" size="small" onClick={() => setOpen(r)}>经过</Button> },
        ]}
      />
      <Path run={open} onClose={() => setOpen(undefined)} />
    </>
  );
}

/** One person's way through, step by step. */
function Path({ run, onClose }: { run: Run | undefined; onClose(): void }) {
  const q = useQuery({
    queryKey: ["runs", run?.journey_id, { run: run?.id }],
    queryFn: () => data(api.GET("/journeys/{id}/runs/{run}", { params: { path: { id: run!.journey_id, run: run!.id } } })),
    enabled: !!run,
  });
  return (
    <Drawer open={!!run} onClose={onClose} size={480} title={run ? `${run.contact_name || run.staff || `客户 ${run.contact_id}`}的经过` : ""} destroyOnHidden>
      {q.isPending && <Skeleton active />}
      {q.error && <Failure small error={q.error} onRetry={() => void q.refetch()} />}
      {q.data && (
        <>
          <p style={{ marginTop: 0 }}>
            {q.data.status_label}
            {q.data.reason ? `：${q.data.reason}` : ""}　{run?.contact_id && <Link to={`/contacts/${run.contact_id}`}>打开 360</Link>}
          </p>
          {q.data.path.map((s, i) => (
            <div key={i} className="entry" style={{ gridTemplateColumns: "112px 8px minmax(0,1fr)" }}>
              <span className="num" style={{ color: color.quiet, fontSize: 13 }} title={day(s.at)}>
                {time(s.at).slice(0, 5)} {clock(s.at)}
              </span>
              <i aria-hidden style={{ background: color.accent }} />
              <span>
                {s.node_label && <b style={{ fontWeight: 500 }}>{s.node_label}　</b>}
                {s.text}
              </span>
            </div>
          ))}
        </>
      )}
    </Drawer>
  );
}
