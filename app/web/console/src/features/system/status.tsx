import { api, count, data, span, time, useStream } from "@koi/shared";
import { useQuery } from "@tanstack/react-query";
import { Card } from "antd";
import { useState, type ReactNode } from "react";
import { Link } from "react-router";
import { Fact, LiveDot } from "../../components/marks";
import { Page } from "../../components/page";
import { Failure, Loading, Nothing } from "../../components/states";
import { color } from "../../theme";

/** How this Koi is doing: how far behind it is, what waits for somebody, and when it was away. */
export default function SystemStatus() {
  const q = useQuery({ queryKey: ["system"], queryFn: () => data(api.GET("/system")), refetchInterval: 15_000 });
  const [lag, setLag] = useState<number>();
  const live = useStream(["system"], {
    pulse(p) {
      setLag(p.lag_seconds);
    },
    reset() {
      void q.refetch();
    },
  });
  if (q.isPending) return <Loading />;
  if (q.error && !q.data) return <Failure error={q.error} onRetry={() => void q.refetch()} />;
  const s = q.data;
  const behind = lag ?? s.lag_seconds;
  return (
    <Page title="系统状态" note="处理跟上了没有，有什么等人处理。" extra={<LiveDot on={live} />}>
      <div style={{ display: "grid", gridTemplateColumns: "repeat(4, minmax(0,1fr))", gap: 16, marginBottom: 16 }}>
        <Figure name="积压" tone={behind > 5 ? color.warn : color.good} note={behind > 5 ? "最早的未处理事件等了这么久" : "收到就处理，没有积压"}>
          {behind < 1 ? "无" : span(behind)}
        </Figure>
        <Figure name="死信" tone={s.dead_letters ? color.bad : color.good} note={<Link to="/settings/dead-letters">{s.dead_letters ? "去处理" : "查看"}</Link>}>
          {s.dead_letters >= 200 ? "200+" : count(s.dead_letters)}
        </Figure>
        <Figure name="发送问题" tone={s.alarms.length ? color.bad : color.good} note={s.alarms.length ? "见下方，需要处理" : "没有"}>
          {count(s.alarms.length)}
        </Figure>
        <Figure name="暂停的接口" tone={s.pauses.length ? color.warn : color.good} note={s.pauses.length ? "额度恢复后自动继续" : "没有"}>
          {count(s.pauses.length)}
        </Figure>
      </div>
      <div style={{ display: "grid", gridTemplateColumns: "repeat(2, minmax(0,1fr))", gap: 16, alignItems: "start" }}>
        <Card variant="borderless" size="small" title="需要处理的发送问题">
          {s.alarms.length === 0 && <Nothing what="没有发送问题" />}
          {s.alarms.map((a) => (
            <div key={a.account + a.channel + a.kind} style={{ padding: "8px 0", borderBottom: `1px solid ${color.line}` }}>
              <b style={{ fontWeight: 500 }}>{a.channel_label}</b>
              <span style={{ color: color.quiet }}>　{a.account}</span>
              <div style={{ color: color.bad }}>
                {a.detail}
                {a.code ? `（错误码 ${a.code}）` : ""}
              </div>
              <div style={{ color: color.quiet, fontSize: 13 }}>
                {time(a.first_at)} 起，{count(a.times)} 次，最近 {time(a.last_at)}
              </div>
            </div>
          ))}
        </Card>
        <Card variant="borderless" size="small" title="暂停的接口">
          {s.pauses.length === 0 && <Nothing what="没有暂停的接口" />}
          {s.pauses.map((p) => (
            <div key={p.account + p.channel} style={{ padding: "8px 0", borderBottom: `1px solid ${color.line}` }}>
              <b style={{ fontWeight: 500 }}>{p.channel_label}</b>
              <span style={{ color: color.quiet }}>　{p.account}</span>
              <div>
                {p.detail}
                {p.code ? `（错误码 ${p.code}）` : ""}
              </div>
              <div style={{ color: color.quiet, fontSize: 13 }}>{time(p.until)} 恢复，期间的消息在排队，不会丢</div>
            </div>
          ))}
        </Card>
        <Card variant="borderless" size="small" title="没有服务的时段（最近 30 天）">
          {s.gaps.length === 0 && <Nothing what="没有中断" />}
          {s.gaps.length > 0 && <p style={{ marginTop: 0, color: color.quiet }}>平台的回调只重试 15 秒左右，期间的关注、消息可能没有收到。</p>}
          {s.gaps.map((g) => (
            <div key={g.from} style={{ padding: "6px 0", borderBottom: `1px solid ${color.line}` }}>
              {time(g.from)} — {time(g.to)}
              <span style={{ float: "right" }}>{span(g.seconds)}</span>
            </div>
          ))}
        </Card>
        <Card variant="borderless" size="small" title="这个 Koi">
          <Fact name="版本">{s.version}</Fact>
          <Fact name="数据库">{s.database === "mysql" ? "MySQL" : "SQLite（内置）"}</Fact>
          <Fact name="业务时间">{time(s.time)}</Fact>
        </Card>
      </div>
    </Page>
  );
}

function Figure({ name, tone, note, children }: { name: string; tone: string; note: ReactNode; children: ReactNode }) {
  return (
    <Card variant="borderless" size="small">
      <div style={{ color: color.quiet }}>{name}</div>
      <div className="num" style={{ fontSize: 28, lineHeight: "40px", fontWeight: 600, color: tone }}>
        {children}
      </div>
      <div style={{ color: color.quiet, fontSize: 13 }}>{note}</div>
    </Card>
  );
}
