import { api, data, time, type Schema } from "@koi/shared";
import { useQuery } from "@tanstack/react-query";
import { Alert, Segmented, Select } from "antd";
import { Link } from "react-router";
import { useFilters } from "../../components/filters";
import { List } from "../../components/list";
import { LiveDot, MessageState } from "../../components/marks";
import { Page } from "../../components/page";
import { useRefresh } from "../../components/refresh";
import { Nothing } from "../../components/states";
import { color } from "../../theme";
import { MessageDrawer } from "./detail";
import { channels, classes, isDigest, whom } from "./words";

type Message = Schema<"Message">;

const empties: Record<string, string> = {
  suppressed: "没有被拦截的消息",
  failed: "没有发送失败的消息",
  unknown: "没有结果未知的消息",
  waiting: "没有在等待的消息",
};

/** Everything that was, is or will be sent, and why what was not sent was not. */
export default function Messages() {
  const [query, set] = useFilters();
  const journeys = useQuery({ queryKey: ["journeys", "names"], queryFn: () => data(api.GET("/journeys", { params: { query: { limit: 200 } } })), staleTime: 60_000 });
  const names = new Map((journeys.data?.items ?? []).map((j) => [j.id, j.name]));
  const filter = {
    state: query.get("state") ?? undefined,
    channel: query.get("channel") ?? undefined,
    journey: query.get("journey") ?? undefined,
    contact: query.get("contact") ?? undefined,
    account: query.get("account") ?? undefined,
  };
  const live = useRefresh(["messages"], [["messages"], ["message"]]);
  const open = query.get("open") ?? "";
  const narrowed = Object.values(filter).some(Boolean);
  return (
    <Page title="消息" note="发给客户和员工的每一条：有没有发到，没有发的为什么没有发。" extra={<LiveDot on={live} />}>
      {filter.state === "suppressed" && (
        <Alert
          type="info"
          showIcon
          style={{ marginBottom: 16 }}
          title="被拦截的消息没有发给平台"
          description="发送前，Koi 逐条检查同意与退订、平台的会话窗口和次数、频次上限、免打扰时间和内容规范。不合规的不发，避免投诉和封号；每条都写明原因和办法。"
        />
      )}
      {filter.state === "unknown" && (
        <Alert
          type="warning"
          showIcon
          style={{ marginBottom: 16 }}
          title="结果未知：平台没有答复，对方可能已收到，也可能没有"
          description="为了不让客户收到两遍，Koi 不自动重发。请在平台后台或向对方核对，再点「已收到」或「没收到」。"
        />
      )}
      <List<Message>
        queryKey={["messages", filter]}
        load={(cursor) => data(api.GET("/messages", { params: { query: { ...filter, cursor, limit: 50 } } }))}
        rowKey="id"
        onRow={(m) => ({ onClick: () => set("open", m.id), style: { cursor: "pointer" } })}
        filters={
          <>
            <Segmented
              value={filter.state ?? ""}
              onChange={(v) => set("state", v)}
              aria-label="按状态筛选"
              options={[
                { value: "", label: "全部" },
                { value: "suppressed", label: "被拦截" },
                { value: "failed", label: "发送失败" },
                { value: "unknown", label: "结果未知" },
                { value: "waiting", label: "等待发送" },
                { value: "sent", label: "已发送" },
                { value: "delivered", label: "已送达" },
                { value: "expired", label: "已过期" },
              ]}
            />
            <Select
              allowClear
              placeholder="渠道"
              value={filter.channel}
              onChange={(v) => set("channel", v)}
              options={Object.entries(channels).map(([value, label]) => ({ value, label }))}
              style={{ width: 180 }}
              aria-label="按渠道筛选"
            />
            <Select
              allowClear
              showSearch={{ optionFilterProp: "label" }}
              placeholder="旅程"
              value={filter.journey}
              onChange={(v) => set("journey", v)}
              options={(journeys.data?.items ?? []).map((j) => ({ value: j.id, label: j.name }))}
              style={{ width: 180 }}
              aria-label="按旅程筛选"
            />
            {filter.account && (
              <span style={{ alignSelf: "center", color: color.quiet }}>
                只看经 {filter.account} 发出的　<a onClick={() => set("account")}>看全部</a>
              </span>
            )}
            {filter.contact && (
              <span style={{ alignSelf: "center", color: color.quiet }}>
                只看客户 {filter.contact} 的　<a onClick={() => set("contact")}>看全部</a>
              </span>
            )}
          </>
        }
        empty={
          narrowed ? (
            <Nothing what={empties[filter.state ?? ""] ?? "没有符合条件的消息"} hint={filter.state === "suppressed" ? "发送前的检查都通过了。" : "换一个状态，或清除筛选试试。"} />
          ) : (
            <Nothing what="还没有发过消息" hint={<>旅程运行起来，发出的每一条都会在这里。去<Link to="/journeys">旅程</Link>。</>} />
          )
        }
        columns={[
          {
            title: "发给",
            width: 168,
            render: (_, m) => (
              <div>
                <b style={{ fontWeight: 500 }}>{whom(m)}</b>
                <div style={{ color: color.quiet, fontSize: 13 }}>{m.class === "staff_alert" && m.contact_id ? `关于 ${m.contact_name || `客户 ${m.contact_id}`}` : isDigest(m) ? "汇总提醒" : (classes[m.class] ?? m.class)}</div>
              </div>
            ),
          },
          { title: "渠道", width: 144, render: (_, m) => m.channel_label },
          { title: "旅程", width: 144, render: (_, m) => (m.journey_id ? (names.get(m.journey_id) ?? `旅程 ${m.journey_id}`) : "—") },
          { title: "状态", width: 104, render: (_, m) => <MessageState state={m.state} label={m.state_label} /> },
          {
            title: "原因与办法",
            render: (_, m) =>
              m.reason_label ? (
                <div style={{ maxWidth: 440, whiteSpace: "normal" }}>
                  <span style={{ fontWeight: 500 }}>{m.reason_label}</span>
                  <span style={{ color: color.quiet }}>　{m.reason_note}</span>
                  {m.advice && <div style={{ color: color.quiet, fontSize: 13 }}>{m.advice}</div>}
                </div>
              ) : (
                <span style={{ color: color.quiet }}>{m.attempts > 1 ? `重试 ${m.attempts - 1} 次后成功` : "—"}</span>
              ),
          },
          { title: "时间", width: 112, render: (_, m) => <span className="num">{time(m.created_at)}</span> },
        ]}
      />
      <MessageDrawer id={open} journey={(id) => names.get(id)} onClose={() => set("open")} />
    </Page>
  );
}
