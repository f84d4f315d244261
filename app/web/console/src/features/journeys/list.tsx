import { ago, api, count, data, type Schema } from "@koi/shared";
import { Input, Segmented } from "antd";
import { Link, useNavigate } from "react-router";
import { useFilters } from "../../components/filters";
import { List } from "../../components/list";
import { LiveDot } from "../../components/marks";
import { Page } from "../../components/page";
import { useRefresh } from "../../components/refresh";
import { Nothing } from "../../components/states";
import { color } from "../../theme";
import { Status, StatusButtons } from "./status";

type Journey = Schema<"Journey">;

/** Every journey, what starts it, and how many are where. */
export default function Journeys() {
  const [query, set] = useFilters();
  const navigate = useNavigate();
  const status = query.get("status") ?? "";
  const q = query.get("q") ?? "";
  const live = useRefresh(["journeys"], [["journeys"]]);
  return (
    <Page title="旅程" note="客户做了什么，就自动走哪条路。数字随时在变。" extra={<LiveDot on={live} />}>
      <List<Journey>
        queryKey={["journeys", status, q]}
        load={async (cursor) => {
          const page = await data(api.GET("/journeys", { params: { query: { cursor, limit: 200 } } }));
          return { ...page, items: page.items.filter((j) => (!status || j.status === status) && (!q || (j.name + (j.note ?? "") + j.triggers.join("")).includes(q))) };
        }}
        rowKey="id"
        onRow={(j) => ({ onClick: () => navigate(`/journeys/${j.id}`), style: { cursor: "pointer" } })}
        filters={
          <>
            <Segmented
              value={status}
              onChange={(v) => set("status", v)}
              options={[
                { value: "", label: "全部" },
                { value: "live", label: "运行中" },
                { value: "draft", label: "草稿" },
                { value: "paused", label: "已暂停" },
                { value: "stopped", label: "已停止" },
              ]}
              aria-label="按状态筛选"
            />
            <Input.Search allowClear placeholder="名称、触发" defaultValue={q} onSearch={(v) => set("q", v.trim())} style={{ width: 220 }} aria-label="搜索旅程" />
          </>
        }
        empty={
          status || q ? (
            <Nothing what="没有符合条件的旅程" hint="换一个状态，或清除搜索试试。" />
          ) : (
            <Nothing what="还没有旅程" hint="用 koi apply 应用一个配置包，旅程会出现在这里；首次启动会自带一套起步旅程。" />
          )
        }
        columns={[
          {
            title: "旅程",
            width: 360,
            render: (_, j) => (
              <div style={{ maxWidth: 440, whiteSpace: "normal" }}>
                <Link to={`/journeys/${j.id}`} onClick={(e) => e.stopPropagation()} style={{ fontWeight: 500 }}>
                  {j.name}
                </Link>
                {j.subject === "staff" && <span style={{ color: color.quiet }}>　员工旅程</span>}
                <div style={{ color: color.quiet, fontSize: 13 }}>{j.triggers.length ? `触发：${j.triggers.join("；")}` : "没有触发，只能手动进入"}</div>
              </div>
            ),
          },
          { title: "状态", width: 96, render: (_, j) => <Status status={j.status} label={j.status_label} /> },
          { title: "进入", width: 80, align: "right", render: (_, j) => <Number n={j.counts.entered} /> },
          { title: "在途", width: 80, align: "right", render: (_, j) => <Number n={j.counts.open} tone={color.accent} /> },
          { title: "完成", width: 80, align: "right", render: (_, j) => <Number n={j.counts.done} tone={color.good} /> },
          { title: "失败", width: 80, align: "right", render: (_, j) => <Number n={j.counts.failed} tone={color.bad} /> },
          {
            title: "被拦截",
            width: 88,
            align: "right",
            render: (_, j) =>
              j.counts.blocked ? (
                <Link to={`/messages?state=suppressed&journey=${j.id}`} onClick={(e) => e.stopPropagation()} title="看为什么被拦截" className="num" style={{ color: color.warn, fontWeight: 600 }}>
                  {count(j.counts.blocked)}
                </Link>
              ) : (
                <Number n={0} />
              ),
          },
          { title: "更新", width: 112, render: (_, j) => <span title={j.updated_by}>{ago(j.updated_at)}</span> },
          { title: "", key: "act", width: 120, render: (_, j) => <StatusButtons journey={j} size="small" /> },
        ]}
      />
    </Page>
  );
}

function Number({ n, tone }: { n: number; tone?: string }) {
  return (
    <span className="num" style={n ? { color: tone, fontWeight: tone ? 600 : 400 } : { color: color.quiet }}>
      {count(n)}
    </span>
  );
}
