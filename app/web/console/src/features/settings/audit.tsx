import { api, data, time, type Schema } from "@koi/shared";
import { Input, Tag } from "antd";
import { Link } from "react-router";
import { useFilters } from "../../components/filters";
import { List } from "../../components/list";
import { actor } from "../../components/actor";
import { Page } from "../../components/page";
import { Nothing } from "../../components/states";
import { color } from "../../theme";
import { objectOf, told } from "./deeds";

type Line = Schema<"AuditLine">;

/** Who did what, and who was refused. Nobody can change or remove a line. */
export default function Audit() {
  const [query, set] = useFilters();
  const who = query.get("who") ?? "";
  const object = query.get("object") ?? "";
  return (
    <Page title="审计日志" note="谁在什么时候做了什么，被拒绝的也在。只能查看，不能修改。">
      <List<Line>
        queryKey={["audit", who, object]}
        load={(cursor) => data(api.GET("/audit", { params: { query: { who: who || undefined, object: object || undefined, cursor, limit: 50 } } }))}
        rowKey="id"
        filters={
          <>
            <Input.Search allowClear placeholder="谁：登录名" defaultValue={who.replace(/^user:/, "")} onSearch={(v) => set("who", full(v.trim()))} style={{ width: 220 }} aria-label="按人筛选" />
            <Input.Search allowClear placeholder="客户编号" defaultValue={object.replace(/^contacts\//, "")} onSearch={(v) => set("object", /^\d+$/.test(v.trim()) ? `contacts/${v.trim()}` : v.trim())} style={{ width: 220 }} aria-label="按对象筛选" />
          </>
        }
        empty={<Nothing what={who || object ? "没有符合条件的记录" : "还没有记录"} />}
        columns={[
          { title: "时间", width: 120, render: (_, l) => <span className="num">{time(l.at)}</span> },
          {
            title: "谁",
            width: 180,
            render: (_, l) => (
              <>
                {l.who ? actor(l.who) : "没有登录的人"}
                {l.place !== "cli" && <div style={{ color: color.quiet, fontSize: 13 }}>{l.place}</div>}
              </>
            ),
          },
          { title: "做了什么", width: 200, render: (_, l) => l.action_name || l.action },
          { title: "对象", width: 200, render: (_, l) => about(l.object ?? "") },
          {
            title: "结果",
            width: 96,
            render: (_, l) => (
              <Tag variant="filled" color={l.outcome === "done" ? "green" : l.outcome === "denied" ? "orange" : "red"}>
                {l.outcome_label}
              </Tag>
            ),
          },
          {
            title: "细节",
            render: (_, l) => (
              <span style={{ display: "inline-block", maxWidth: 420, whiteSpace: "normal", overflowWrap: "anywhere", color: color.quiet }}>
                {told(l.detail)}
              </span>
            ),
          },
        ]}
      />
    </Page>
  );
}

/** Somebody's login is enough to look for them. */
function full(who: string): string {
  return !who || who.includes(":") || who === "cli" ? who : `user:${who}`;
}

function about(object: string) {
  const { name, to } = objectOf(object);
  return to ? <Link to={to}>{name}</Link> : <span style={{ overflowWrap: "anywhere" }}>{name}</span>;
}
