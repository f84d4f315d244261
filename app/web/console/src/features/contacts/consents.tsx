import { api, data, time, useSession } from "@koi/shared";
import { useQuery } from "@tanstack/react-query";
import { Button, Card, Form, Input, Radio, Select, Tag } from "antd";
import { useState } from "react";
import { useAct } from "../../components/act";
import { actor } from "../../components/actor";
import { FormDialog } from "../../components/formdialog";
import { Failure, Nothing } from "../../components/states";
import { color } from "../../theme";

/** 同意记录: what somebody agreed to, refused and unsubscribed from. A statement is added, never changed. */
export function Consents({ contact }: { contact: string }) {
  const session = useSession();
  const [adding, setAdding] = useState(false);
  const q = useQuery({ queryKey: ["consents", contact], queryFn: () => data(api.GET("/contacts/{id}/consents", { params: { path: { id: contact } } })) });
  const subjects = [
    ...(q.data?.purposes ?? []).map((p) => ({ value: p.purpose, label: p.label, yes: "同意", no: "撤回同意" })),
    ...(q.data?.channels ?? []).map((c) => ({ value: `channel/${c.channel}`, label: `退订：${c.label}`, yes: "恢复接收", no: "退订" })),
  ];
  return (
    <Card
      variant="borderless"
      title="同意记录"
      size="small"
      extra={
        session.may("contacts.write") &&
        q.data && (
          <Button type="link" size="small" onClick={() => setAdding(true)}>
            补记
          </Button>
        )
      }
    >
      {q.error && <Failure small error={q.error} onRetry={() => void q.refetch()} />}
      {q.data?.history.length === 0 && <Nothing what="还没有表示过同意或退订" />}
      {q.data?.history.map((s) => (
        <div key={s.event_id + s.label} style={{ padding: "6px 0", borderBottom: `1px solid ${color.line}` }}>
          {s.label}
          <Tag style={{ marginInlineStart: 8 }} color={s.granted ? "green" : "red"}>
            {s.channel ? (s.granted ? "恢复接收" : "退订") : s.granted ? "同意" : "不同意"}
          </Tag>
          <span style={{ float: "right", color: color.quiet, fontSize: 13 }}>{time(s.at)}</span>
          <div style={{ color: color.quiet, fontSize: 13 }}>{[s.source_label, s.version && `文本版本 ${s.version}`, s.by && `${actor(s.by)} 补记`].filter(Boolean).join(" · ")}</div>
        </div>
      ))}
      {adding && <Statement contact={contact} subjects={subjects} onClose={() => setAdding(false)} />}
    </Card>
  );
}

interface Subject {
  value: string;
  label: string;
  yes: string;
  no: string;
}

interface Entered {
  about: string;
  granted: boolean;
  source: string;
  version?: string;
}

/** Records what somebody said where Koi was not: on paper, on the phone. */
function Statement({ contact, subjects, onClose }: { contact: string; subjects: Subject[]; onClose(): void }) {
  const [form] = Form.useForm<Entered>();
  const about = Form.useWatch("about", form);
  const save = useAct(
    ({ about, granted, source, version }: Entered) => {
      const channel = about.startsWith("channel/") ? about.slice("channel/".length) : undefined;
      const subject = channel ? { channel } : { purpose: about };
      return data(api.POST("/contacts/{id}/consents", { params: { path: { id: contact } }, body: { ...subject, granted, source: source.trim(), ...(version?.trim() ? { version: version.trim() } : {}) } }));
    },
    { done: (c) => (c.pending ? "已保存，正在排队处理，稍后可见" : "已补记"), changes: [["consents", contact], ["timeline", contact]], quiet: true, onDone: onClose },
  );
  const words = subjects.find((s) => s.value === about);
  return (
    <FormDialog
      title="补记同意或退订"
      ok="补记"
      intro="只补记客户本人确实表示过的。记录会写明由谁补记，不能修改或删除；说错了请再补记一条。"
      form={form}
      save={save}
      onClose={onClose}
    >
      <Form.Item name="about" label="关于什么" rules={[{ required: true, message: "请选择关于什么" }]}>
        <Select options={subjects.map(({ value, label }) => ({ value, label }))} />
      </Form.Item>
      <Form.Item name="granted" label="客户的意思" rules={[{ required: true, message: "请选择客户的意思" }]}>
        <Radio.Group
          options={[
            { value: true, label: words?.yes ?? "同意" },
            { value: false, label: words?.no ?? "撤回同意" },
          ]}
        />
      </Form.Item>
      <Form.Item name="source" label="在哪里、怎样表示的" rules={[{ required: true, whitespace: true, message: "请写明在哪里表示的，如：展会签到表" }]}>
        <Input maxLength={64} placeholder="如：2026 上海展会签到表，第 12 行" />
      </Form.Item>
      <Form.Item name="version" label="当时展示的文本版本" extra="没有可不填">
        <Input maxLength={32} />
      </Form.Item>
    </FormDialog>
  );
}
