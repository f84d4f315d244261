import { ago, api, count, data, useSession } from "@koi/shared";
import { useQuery } from "@tanstack/react-query";
import { Alert, Button, Card, Skeleton, Tabs } from "antd";
import { lazy, Suspense, useState } from "react";
import { Link, useParams, useSearchParams } from "react-router";
import { Fact, LiveDot } from "../../components/marks";
import { useRefresh } from "../../components/refresh";
import { Failure, Loading, Nothing } from "../../components/states";
import { color } from "../../theme";
import { type Detail, figures, graphOf, rules, stepOf } from "./graph";
import { Runs } from "./runs";
import { Status, StatusButtons } from "./status";
import { StepDrawer } from "./step";
import { TestDrawer } from "./test";

const Flow = lazy(() => import("./flow"));

/** A journey to be read: its graph with live numbers, who is inside, and what its check says. */
export default function JourneyPage() {
  const { id = "" } = useParams();
  const session = useSession();
  const [query, setQuery] = useSearchParams();
  const [testing, setTesting] = useState(false);
  const q = useQuery({ queryKey: ["journey", id], queryFn: () => data(api.GET("/journeys/{id}", { params: { path: { id } } })) });
  const live = useRefresh(["journeys"], [["journey", id], ["runs", id]]);
  if (q.isPending) return <Loading />;
  if (q.error && !q.data) return <Failure error={q.error} onRetry={() => void q.refetch()} />;
  const j = q.data;
  const { cards, ways } = graphOf(j);
  const tab = query.get("tab") ?? "graph";
  const step = query.get("step") ?? "";
  const go = (change: Record<string, string>) =>
    setQuery(
      (p) => {
        for (const [k, v] of Object.entries(change)) {
          if (v) p.set(k, v);
          else p.delete(k);
        }
        return p;
      },
      { replace: true },
    );
  return (
    <main className="page">
      <title>{`${j.name} · 锦鲤 Koi`}</title>
      <div className="page-head">
        <div style={{ minWidth: 0 }}>
          <div style={{ fontSize: 13 }}>
            <Link to="/journeys">旅程</Link>
            <span style={{ color: color.quiet }}> / 第 {j.rev} 版，{ago(j.updated_at)}</span>
          </div>
          <h1 style={{ display: "flex", gap: 10, alignItems: "center" }}>
            {j.name}
            <Status status={j.status} label={j.status_label} />
          </h1>
          <p>{j.note || (j.triggers.length ? `触发：${j.triggers.join("；")}` : "只能手动进入")}</p>
        </div>
        <div style={{ display: "flex", gap: 8, alignItems: "center", flex: "none" }}>
          <LiveDot on={live} />
          {session.may("journeys.run") && <Button onClick={() => setTesting(true)}>试走一遍</Button>}
          <StatusButtons journey={j} />
        </div>
      </div>
      {j.problems.map((p) => (
        <Alert key={p.path + p.message} type="error" showIcon title={`不能运行：${p.message}`} style={{ marginBottom: 8 }} />
      ))}
      <Card variant="borderless" styles={{ body: { padding: 0 } }}>
        <Strip journey={j} />
        <Tabs
          activeKey={tab}
          onChange={(k) => go({ tab: k === "graph" ? "" : k, step: "" })}
          tabBarStyle={{ padding: "0 16px", margin: 0 }}
          items={[
            { key: "graph", label: "旅程图" },
            { key: "runs", label: `里面的人（${count(j.counts.open)} 在途）` },
            { key: "rules", label: j.warnings.length ? `规则与检查（${j.warnings.length} 条提醒）` : "规则与检查" },
          ]}
        />
        {tab === "graph" && (
          <div style={{ height: "max(480px, calc(100vh - 330px))", background: "#fafbfc", borderRadius: "0 0 8px 8px" }}>
            <Suspense fallback={<Skeleton active style={{ padding: 24 }} />}>
              <Flow cards={cards} ways={ways} chosen={step} onChoose={(s) => go({ step: s })} />
            </Suspense>
          </div>
        )}
        {tab === "rules" && <Rules journey={j} onStep={(s) => go({ tab: "", step: s })} />}
      </Card>
      {tab === "runs" && <Runs journey={j} node={step} onNode={(s) => go({ step: s })} />}
      {tab === "graph" && <StepDrawer journey={j} card={cards.find((c) => c.step.id === step)} onClose={() => go({ step: "" })} onAll={(s) => go({ tab: "runs", step: s })} />}
      <TestDrawer journey={j} open={testing} onClose={() => setTesting(false)} />
    </main>
  );
}

const tones: Record<string, string> = { open: color.accent, done: color.good, failed: color.bad, blocked: color.warn };

function Strip({ journey }: { journey: Detail }) {
  return (
    <div style={{ display: "flex", gap: 48, padding: "16px 24px", borderBottom: `1px solid ${color.line}`, flexWrap: "wrap" }}>
      {figures({ ...journey.counts, refused: 0 }).map((f) => (
        <div key={f.key}>
          <div className="num" style={{ fontSize: 24, lineHeight: "32px", fontWeight: 600, color: f.n ? tones[f.key] : color.quiet }}>
            {f.key === "blocked" ? (
              <Link to={`/messages?state=suppressed&journey=${journey.id}`} style={{ color: "inherit" }}>
                {count(f.n)}
              </Link>
            ) : (
              count(f.n)
            )}
          </div>
          <div style={{ color: color.quiet }}>{f.label}</div>
        </div>
      ))}
    </div>
  );
}

function Rules({ journey, onStep }: { journey: Detail; onStep(step: string): void }) {
  return (
    <div style={{ padding: 24, display: "grid", gridTemplateColumns: "repeat(2, minmax(0, 1fr))", gap: 32 }}>
      <section>
        <h3 style={{ fontSize: 14, margin: "0 0 8px" }}>规则</h3>
        <Fact name="主体">{journey.subject_label}</Fact>
        <Fact name="触发">{journey.triggers.join("；") || "只能手动进入"}</Fact>
        {rules(journey.definition.settings).map((r) => (
          <Fact key={r.name + r.text} name={r.name}>
            {r.text}
          </Fact>
        ))}
      </section>
      <section>
        <h3 style={{ fontSize: 14, margin: "0 0 8px" }}>发布检查</h3>
        {journey.problems.length + journey.warnings.length === 0 && <Nothing what="没有发现问题" />}
        {[...journey.problems, ...journey.warnings].map((w, i) => {
          const step = stepOf(w.path, journey);
          return (
            <Alert
              key={w.path + w.message}
              type={i < journey.problems.length ? "error" : "warning"}
              showIcon
              title={w.message}
              action={
                step ? (
                  <Button size="small" type="link" onClick={() => onStep(step)}>
                    看这一步
                  </Button>
                ) : undefined
              }
              style={{ marginBottom: 8 }}
            />
          );
        })}
      </section>
    </div>
  );
}
