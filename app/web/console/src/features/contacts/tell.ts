import type { Schema } from "@koi/shared";

type Entry = Pick<Schema<"TimelineEntry">, "type" | "props" | "object_id" | "object_type">;

const text = (v: unknown): string => (typeof v === "string" ? v : typeof v === "number" || typeof v === "boolean" ? String(v) : "");

/** What is worth saying of an event in half a line, from its small facts; "" when its name says it all. */
export function tell(e: Entry): string {
  const p = e.props ?? {};
  const s = (key: string) => text(p[key]);
  switch (e.type) {
    case "oa.message_received":
    case "mp.message_received":
    case "message.replied":
      return s("content") ? `“${s("content")}”` : s("kind");
    case "oa.followed":
    case "oa.scanned":
    case "wecom.customer_added":
      return s("scene") || s("state") ? `渠道 ${s("scene") || s("state")}` : "";
    case "oa.menu_clicked":
      return s("key");
    case "page.dwelled":
      return join(e.object_id, s("seconds") && `${s("seconds")} 秒`);
    case "page.scrolled":
      return join(e.object_id, s("percent") && `读到 ${s("percent")}%`);
    case "tag.added":
    case "tag.removed":
      return join(s("name") || s("tag"), s("reason"));
    case "stage.entered":
      return join(s("from_name") && `${s("from_name")} → ${s("to_name")}`, s("to_name") || s("stage_name") || s("stage"), s("reason"));
    case "score.threshold_crossed":
      return join(s("name") || s("score"), s("points") && `${s("points")} 分`);
    case "journey.entered":
    case "journey.exited":
    case "journey.failed":
    case "journey.step_done":
    case "journey.goal_reached":
      return join(s("journey_name") || s("name"), s("node_label") || s("label"), s("reason"));
    case "contact.attribute_changed":
      return join(s("label") || s("field"), s("text") || s("new"));
  }
  if (e.type.startsWith("message.")) return join(s("channel_label") || s("channel"), s("reason_label") || s("reason"));
  if (e.type.startsWith("consent.")) return join(s("purpose_label") || s("purpose") || s("channel"), s("source"));
  return join(e.object_id, s("title"));
}

function join(...parts: (string | undefined | false)[]): string {
  return [...new Set(parts.filter(Boolean))].join(" · ");
}
