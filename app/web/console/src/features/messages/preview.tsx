import { color } from "../../theme";
import type { Preview } from "./body";

/** A message as its reader sees it. */
export function Bubble({ preview }: { preview: Preview }) {
  return (
    <div style={{ background: "#f5f7fb", border: `1px solid ${color.line}`, borderRadius: 8, padding: "12px 14px", maxWidth: 420, overflowWrap: "anywhere" }}>
      {preview.title && <div style={{ fontWeight: 600, marginBottom: 4 }}>{preview.title}</div>}
      {preview.lines.map((l, i) => (
        <div key={i}>{l}</div>
      ))}
      {preview.fields.map((f) => (
        <div key={f.name} style={{ display: "flex", gap: 12 }}>
          <span style={{ color: color.quiet, minWidth: 64 }}>{f.name}</span>
          <span>{f.value}</span>
        </div>
      ))}
      {preview.attached.map((a, i) => (
        <div key={i} style={{ color: color.quiet }}>
          附：{a}
        </div>
      ))}
      {preview.link && (
        <div style={{ marginTop: 8, paddingTop: 8, borderTop: `1px solid ${color.line}`, color: color.accent }} title={preview.link.to}>
          {preview.link.text}
        </div>
      )}
    </div>
  );
}
