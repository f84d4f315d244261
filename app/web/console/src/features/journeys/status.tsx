import { api, count, data, useSession } from "@koi/shared";
import { App, Button, Tag } from "antd";
import { useAct } from "../../components/act";
import { color } from "../../theme";

const tones: Record<string, string> = { draft: color.quiet, live: color.good, paused: color.warn, stopped: color.quiet };

/** Whether a journey runs, in a word and a colour. */
export function Status({ status, label }: { status: string; label: string }) {
  return (
    <Tag variant="filled" style={{ color: tones[status] ?? color.quiet, background: `color-mix(in srgb, ${tones[status] ?? color.quiet} 12%, white)` }}>
      {label}
    </Tag>
  );
}

type To = "live" | "paused" | "stopped";

interface Act {
  to: To;
  text: string;
  danger?: boolean;
  title: string;
  /** What it means for the people inside. */
  means(inside: number): string[];
}

const run: Act = {
  to: "live",
  text: "发布运行",
  title: "发布并运行这个旅程？",
  means: () => ["从现在起，触发条件满足的人会进入；以前发生过的不会补进。", "发送前仍会逐条检查同意、频次和免打扰时间。"],
};
const acts: Record<string, Act[]> = {
  draft: [run],
  live: [
    {
      to: "paused",
      text: "暂停",
      title: "暂停这个旅程？",
      means: (n) => ["暂停后没有人能再进入。", n ? `里面的 ${count(n)} 人停在原地：等待照常计时，到点的人在恢复时才继续往下走。` : "现在里面没有人。", "随时可以恢复。"],
    },
    {
      to: "stopped",
      text: "停止",
      danger: true,
      title: "停止这个旅程？",
      means: (n) => ["停止后没有人能再进入。", n ? `里面的 ${count(n)} 人会马上离开，重新运行也不会回来。` : "现在里面没有人。", "只想临时停一下，请用「暂停」。"],
    },
  ],
  paused: [
    { to: "live", text: "恢复", title: "恢复这个旅程？", means: (n) => ["恢复后可以再进入。", n ? `停在里面的 ${count(n)} 人继续往下走；暂停期间已到点的会马上继续。` : "现在里面没有人。"] },
    { to: "stopped", text: "停止", danger: true, title: "停止这个旅程？", means: (n) => ["停止后没有人能再进入。", n ? `停在里面的 ${count(n)} 人会马上离开，重新运行也不会回来。` : "现在里面没有人。"] },
  ],
  stopped: [{ ...run, text: "重新运行", title: "重新运行这个旅程？", means: () => ["从现在起，触发条件满足的人会进入；停止时离开的人不会回来。"] }],
};

/** Pauses, resumes, stops and publishes, each saying first what happens to the people inside. */
export function StatusButtons({ journey, size }: { journey: { id: string; name: string; status: string; rev: number; counts: { open: number } }; size?: "small" }) {
  const session = useSession();
  const { modal } = App.useApp();
  const set = useAct(
    (to: To) => data(api.POST("/journeys/{id}/status", { params: { path: { id: journey.id }, header: { "If-Match": `"${journey.rev}"` } }, body: { status: to } })),
    { done: (j) => `「${j.name}」现在是「${j.status_label}」`, changes: [["journeys"], ["journey", journey.id], ["runs", journey.id]] },
  );
  if (!session.may("definitions.write")) return null;
  return (
    <span style={{ display: "inline-flex", gap: 8 }} onClick={(e) => e.stopPropagation()}>
      {(acts[journey.status] ?? []).map((a) => (
        <Button
          key={a.to}
          size={size}
          type={size ? "link" : a.to === "live" ? "primary" : "default"}
          danger={a.danger}
          loading={set.isPending && set.variables === a.to}
          aria-label={`${a.text}：${journey.name}`}
          style={size ? { padding: 0 } : undefined}
          onClick={() =>
            void modal.confirm({
              title: a.title,
              content: (
                <>
                  <p style={{ margin: "0 0 8px", fontWeight: 500 }}>{journey.name}</p>
                  <ul style={{ margin: 0, paddingInlineStart: 18 }}>
                    {a.means(journey.counts.open).map((m) => (
                      <li key={m}>{m}</li>
                    ))}
                  </ul>
                </>
              ),
              okText: a.text,
              okButtonProps: { danger: a.danger },
              onOk: () => set.mutateAsync(a.to).catch(() => undefined),
            })
          }
        >
          {a.text}
        </Button>
      ))}
    </span>
  );
}
