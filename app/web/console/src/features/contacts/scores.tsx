import { ago, reason, type Schema } from "@koi/shared";
import { Card, Tabs } from "antd";
import { Nothing } from "../../components/states";
import { color } from "../../theme";

/** Every point with its reason, the newest first; what is left of it after decay stands beside it. */
export function Scores({ standings }: { standings: Schema<"Standing">[] }) {
  return (
    <Card variant="borderless" title="分从哪来" size="small" styles={{ body: { paddingTop: 0 } }}>
      {standings.length === 0 && <Nothing what="还没有得分" hint="浏览、提交表单、发消息等行为会计分。" />}
      <Tabs
        size="small"
        defaultActiveKey={[...standings].sort((a, b) => b.points - a.points)[0]?.key}
        items={standings.map((s) => ({
          key: s.key,
          label: `${s.name} ${s.points}`,
          children: (
            <div>
              {s.steps.length === 0 && <Nothing what="还没有得分" />}
              {s.steps.map((r, i) => (
                <div key={(r.event ?? "") + (r.rule ?? "") + i} style={{ display: "grid", gridTemplateColumns: "48px minmax(0,1fr) auto", gap: 8, padding: "6px 0", borderBottom: `1px solid ${color.line}` }}>
                  <b className="num" style={{ color: r.points >= 0 ? color.good : color.bad, textAlign: "right" }}>
                    {r.points > 0 ? `+${r.points}` : r.points}
                  </b>
                  <span>
                    {reason(r)}
                    {Math.abs(r.now - r.points) >= 0.1 && <span style={{ color: color.quiet, fontSize: 13 }}>（现剩 {Math.round(r.now * 10) / 10}）</span>}
                    {r.about && <div style={{ color: color.quiet, fontSize: 13, overflowWrap: "anywhere" }}>{r.about}</div>}
                  </span>
                  <span style={{ color: color.quiet, fontSize: 13, whiteSpace: "nowrap" }}>{r.at ? ago(r.at) : ""}</span>
                </div>
              ))}
              {!!s.max && s.points >= s.max && <div style={{ color: color.quiet, paddingTop: 8 }}>已到上限 {s.max} 分，超出的不再累加</div>}
              {!!s.rest && <div style={{ color: color.quiet, paddingTop: 8 }}>更早的行为还剩 {s.rest} 分</div>}
            </div>
          ),
        }))}
      />
    </Card>
  );
}
