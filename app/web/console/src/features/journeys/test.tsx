import { api, data, time, type Schema } from "@koi/shared";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Alert, Button, Drawer, Form, Select, Tag } from "antd";
import { useState } from "react";
import { useAct } from "../../components/act";
import { Nothing } from "../../components/states";
import { color } from "../../theme";
import { preview } from "../messages/body";
import { Bubble } from "../messages/preview";
import { type Detail, labelOf } from "./graph";

/** Walks somebody through without doing anything: which way they would go, and what they would be sent. */
export function TestDrawer({ journey, open, onClose }: { journey: Detail; open: boolean; onClose(): void }) {
  const [contact, setContact] = useState<string>();
  const [trigger, setTrigger] = useState<string>();
  const [choose, setChoose] = useState<Record<string, string>>({});
  const [typed, setTyped] = useState("");
  const people = useQuery({
    queryKey: ["contacts", "pick", typed],
    queryFn: () => data(api.GET("/contacts", { params: { query: { q: typed || undefined, limit: 20 } } })),
    placeholderData: keepPreviousData,
    enabled: open,
  });
  const walk = useAct(
    () => data(api.POST("/journeys/{id}/test-run", { params: { path: { id: journey.id } }, body: { contact_id: contact!, rev: journey.rev, ...(trigger ? { trigger } : {}), choose } })),
    {},
  );
  const triggers = journey.steps.filter((s) => s.group === "trigger");
  const waits = journey.steps.filter((s) => s.component === "wait_event");
  const result = walk.data as Schema<"TestRun"> | undefined;
  return (
    <Drawer open={open} onClose={onClose} size={560} title="试走一遍" destroyOnHidden>
      <p style={{ marginTop: 0, color: color.quiet }}>选一位客户，看 TA 会走哪条路、收到什么。等待会直接跳过；不发送、不打标签、不留任何记录。</p>
      <Form layout="vertical" onFinish={() => walk.mutate(undefined)}>
        <Form.Item label="客户" required>
          <Select
            showSearch={{ filterOption: false, onSearch: setTyped }}
            value={contact}
            onChange={setContact}
            placeholder="输入姓名、公司，或完整的手机号、邮箱"
            loading={people.isFetching}
            options={(people.data?.items ?? []).map((c) => ({ value: c.id, label: [c.name || `客户 ${c.id}`, c.company].filter(Boolean).join(" · ") }))}
            aria-label="选择客户"
          />
        </Form.Item>
        {triggers.length > 1 && (
          <Form.Item label="从哪个触发开始">
            <Select allowClear value={trigger} onChange={setTrigger} placeholder={triggers[0]?.summary} options={triggers.map((s) => ({ value: s.id, label: s.summary }))} aria-label="触发步骤" />
          </Form.Item>
        )}
        {waits.map((s) => (
          <Form.Item key={s.id} label={`“${s.summary}”等到了什么`}>
            <Select
              allowClear
              value={choose[s.id]}
              onChange={(v) => setChoose(({ [s.id]: _, ...rest }) => (v ? { ...rest, [s.id]: v } : rest))}
              placeholder="没有等到（超时）"
              options={s.ports.map((p) => ({ value: p.key, label: p.label }))}
              aria-label={`等到了什么：${s.summary}`}
            />
          </Form.Item>
        ))}
        <Button type="primary" htmlType="submit" disabled={!contact} loading={walk.isPending}>
          试走
        </Button>
      </Form>
      {result && (
        <div style={{ marginTop: 24 }} aria-live="polite">
          {result.problems.map((p) => (
            <Alert key={p.path + p.message} type="error" showIcon title={p.message} style={{ marginBottom: 8 }} />
          ))}
          {result.refused && <Alert type="warning" showIcon title={`真的触发时会被拒绝：${result.refused}`} style={{ marginBottom: 8 }} />}
          {result.steps.length === 0 && <Nothing what="一步也没有走" hint={result.ended} />}
          <ol style={{ listStyle: "none", margin: 0, padding: 0 }}>
            {result.steps.map((s, i) => {
              const step = journey.steps.find((x) => x.id === s.node);
              const port = step && s.port ? labelOf(step, s.port) : "";
              return (
                <li key={i} style={{ position: "relative", padding: "0 0 16px 24px", borderInlineStart: i === result.steps.length - 1 ? "none" : `2px solid ${color.line}`, marginInlineStart: 6 }}>
                  <i aria-hidden style={{ position: "absolute", insetInlineStart: -6, top: 5, width: 10, height: 10, borderRadius: 5, background: s.failed ? color.bad : color.accent }} />
                  <b style={{ fontWeight: 500 }}>{s.node_label}</b>
                  {port && <Tag style={{ marginInlineStart: 8 }}>{port}</Tag>}
                  <span className="num" style={{ float: "right", color: color.quiet, fontSize: 13 }}>
                    {time(s.at)}
                  </span>
                  {s.summary !== s.node_label && <div style={{ color: color.quiet }}>{s.summary}</div>}
                  {s.why && <div style={{ color: s.failed ? color.bad : color.ink }}>{s.why}</div>}
                  {s.wait_until && <div>等到 {time(s.wait_until)} 再继续</div>}
                  {s.messages?.map((m, n) => {
                    const p = preview(m.body);
                    return (
                      <div key={n} style={{ marginTop: 8 }}>
                        <div style={{ color: color.quiet, fontSize: 13, marginBottom: 4 }}>
                          会发：{m.channel_label} → {m.to}
                        </div>
                        {p && <Bubble preview={p} />}
                      </div>
                    );
                  })}
                </li>
              );
            })}
          </ol>
          {result.steps.length > 0 && <p style={{ fontWeight: 500 }}>{result.ended}</p>}
        </div>
      )}
    </Drawer>
  );
}
