import type { Schema } from "@koi/shared";
import { useState } from "react";
import { color } from "../../theme";

const lines = [
  { name: "新客户", types: ["contact.created"], tone: color.accent },
  { name: "访问页面", types: ["page.viewed"], tone: color.good },
  { name: "收到消息", types: ["oa.message_received", "mp.message_received", "message.replied"], tone: color.koi },
];

const width = 720;
const height = 180;
const left = 52;
const bottom = 28;

/** A month as lines, drawn by hand: a chart library would be ten times this screen. */
export function Trend({ days }: { days: Schema<"DayCounts">[] }) {
  const [at, setAt] = useState<number>();
  const of = (types: string[]) => days.map((d) => types.reduce((n, t) => n + (d.counts[t] ?? 0), 0));
  const series = lines.map((l) => ({ ...l, values: of(l.types) }));
  const top = ceiling(Math.max(1, ...series.flatMap((s) => s.values)));
  const x = (i: number) => left + (i / Math.max(1, days.length - 1)) * (width - left - 8);
  const y = (n: number) => 8 + (1 - n / top) * (height - bottom - 8);
  const shown = days[at ?? days.length - 1];
  return (
    <figure style={{ margin: 0 }}>
      <figcaption style={{ display: "flex", gap: 16, flexWrap: "wrap", marginBottom: 8 }}>
        <span className="num" style={{ color: color.quiet }}>
          {shown?.day}
        </span>
        {series.map((s) => (
          <span key={s.name} className="num" style={{ display: "inline-flex", alignItems: "center", gap: 6 }}>
            <i aria-hidden style={{ width: 12, height: 3, borderRadius: 2, background: s.tone }} />
            {s.name} <b>{s.values[at ?? days.length - 1]}</b>
          </span>
        ))}
      </figcaption>
      <svg
        viewBox={`0 0 ${width} ${height}`}
        style={{ width: "100%", display: "block" }}
        role="img"
        aria-label={`最近 ${days.length} 天：${series.map((s) => `${s.name}共 ${s.values.reduce((a, b) => a + b, 0)}`).join("，")}`}
        onPointerMove={(e) => {
          const box = e.currentTarget.getBoundingClientRect();
          const i = Math.round((((e.clientX - box.left) / box.width) * width - left) / ((width - left - 8) / Math.max(1, days.length - 1)));
          setAt(Math.max(0, Math.min(days.length - 1, i)));
        }}
        onPointerLeave={() => setAt(undefined)}
      >
        {[0, 0.5, 1].map((part) => (
          <g key={part}>
            <line x1={left} x2={width - 8} y1={y(top * part)} y2={y(top * part)} stroke={color.line} />
            <text x={left - 8} y={y(top * part) + 5} textAnchor="end" fontSize="15" fill={color.quiet}>
              {Math.round(top * part)}
            </text>
          </g>
        ))}
        {days.map((d, i) =>
          i % 7 === (days.length - 1) % 7 ? (
            <text key={d.day} x={x(i)} y={height - 6} textAnchor={i === days.length - 1 ? "end" : "middle"} fontSize="15" fill={color.quiet}>
              {d.day.slice(5)}
            </text>
          ) : null,
        )}
        {at !== undefined && <line x1={x(at)} x2={x(at)} y1={8} y2={height - bottom} stroke={color.quiet} strokeDasharray="3 3" />}
        {series.map((s) => (
          <polyline key={s.name} fill="none" stroke={s.tone} strokeWidth="2" strokeLinejoin="round" points={s.values.map((n, i) => `${x(i)},${y(n)}`).join(" ")} />
        ))}
      </svg>
    </figure>
  );
}

/** The next round number: 1, 2, 5, 10, 20, … */
export function ceiling(n: number): number {
  const ten = 10 ** Math.floor(Math.log10(n));
  return [1, 2, 5, 10].map((k) => k * ten).find((k) => k >= n) ?? n;
}
