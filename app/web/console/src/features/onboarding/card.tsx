import { Card } from "antd";
import { Link } from "react-router";
import { color } from "../../theme";
import { Light } from "../settings/verdict";
import { useOnboarding } from "./known";

const lights: Record<string, string> = { done: "ok", trouble: "warning", todo: "unknown", skipped: "unknown" };

/** What is left of the five steps, on the home screen; nothing once they are done or skipped. */
export function OnboardingCard() {
  const o = useOnboarding();
  if (!o.may || !o.ready || o.finished) return null;
  const left = o.steps.filter((s) => s.state === "todo" || s.state === "trouble").length;
  return (
    <Card variant="borderless" size="small" title="五步接入" extra={<Link to={`/onboarding?step=${o.next}`}>继续，还剩 {left} 步</Link>} style={{ marginBottom: 16 }}>
      <div style={{ display: "grid", gridTemplateColumns: "repeat(5, minmax(0,1fr))", gap: 16 }}>
        {o.steps.map((s) => (
          <Link key={s.key} to={`/onboarding?step=${s.key}`} style={{ display: "flex", gap: 8, color: s.state === "skipped" ? color.quiet : color.ink }}>
            <Light verdict={lights[s.state]!} label={{ done: "已完成", trouble: "要处理", todo: "还没做", skipped: "已跳过" }[s.state]} />
            <span>
              {s.title}
              <span style={{ display: "block", color: color.quiet, fontSize: 13 }}>{s.note}</span>
            </span>
          </Link>
        ))}
      </div>
    </Card>
  );
}
