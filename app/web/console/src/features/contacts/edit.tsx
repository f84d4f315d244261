import { all, api, data, type Schema, useSession } from "@koi/shared";
import { useQuery } from "@tanstack/react-query";
import { Alert, Button, Form, Input, InputNumber, Modal, Select } from "antd";
import { useState } from "react";
import { said, useAct } from "../../components/act";
import { FormDialog } from "../../components/formdialog";
import { useSeen } from "../../components/seen";
import { Failure, Loading } from "../../components/states";
import { color } from "../../theme";
import { changes, type Entry, groups as grouped } from "./values";

type Contact = Schema<"Contact">;

/** Opens a dialog for whoever may change customers. */
function Opener({ text, dialog }: { text: string; dialog(close: () => void): React.ReactNode }) {
  const session = useSession();
  const [open, setOpen] = useState(false);
  if (!session.may("contacts.write")) return null;
  return (
    <>
      <Button type="link" size="small" onClick={() => setOpen(true)}>
        {text}
      </Button>
      {open && dialog(() => setOpen(false))}
    </>
  );
}

const queued = "已保存，正在排队处理，稍后可见";
const about = (id: string) => [["contact", id], ["timeline", id], ["contacts"]];

/** Tags given and taken by hand. */
export function EditTags({ contact }: { contact: Contact }) {
  return <Opener text="打标签" dialog={(close) => <Tags contact={contact} onClose={close} />} />;
}

function Tags({ contact, onClose }: { contact: Contact; onClose(): void }) {
  const [held] = useState(contact.held_tags.map((t) => t.key)); // what comes by itself meanwhile stays
  const [keys, setKeys] = useState(held);
  const tags = useQuery({ queryKey: ["tags", "all"], queryFn: () => all((cursor) => data(api.GET("/tags", { params: { query: { limit: 200, cursor } } }))), staleTime: 60_000 });
  const save = useAct(
    () => data(api.POST("/contacts/{id}/tags", { params: { path: { id: contact.id } }, body: { add: keys.filter((k) => !held.includes(k)), remove: held.filter((k) => !keys.includes(k)) } })),
    { done: (c) => (c.pending ? queued : "标签已更新"), changes: about(contact.id), quiet: true, onDone: onClose },
  );
  const groups = new Map<string, { value: string; label: string; disabled?: boolean }[]>();
  for (const t of tags.data ?? []) groups.set(t.group || "其他", [...(groups.get(t.group || "其他") ?? []), { value: t.key, label: t.name }]);
  for (const t of contact.held_tags) {
    // One that is no longer defined stays as it is.
    if (tags.data && !tags.data.some((x) => x.key === t.key)) groups.set("已停用", [...(groups.get("已停用") ?? []), { value: t.key, label: t.name, disabled: true }]);
  }
  return (
    <Modal open title={`${contact.name || "客户"}的标签`} okText="保存" confirmLoading={save.isPending} onOk={() => save.mutate(undefined)} onCancel={onClose} mask={{ closable: false }} styles={{ body: { minHeight: 280 } }}>
      {save.error && <Alert type="error" showIcon title={said(save.error)} style={{ marginBottom: 16 }} />}
      {tags.error && <Failure small error={tags.error} onRetry={() => void tags.refetch()} />}
      <p style={{ color: color.quiet, margin: "0 0 12px" }}>自动打的标签去掉后，条件再次满足时会重新打上。</p>
      <Select
        mode="multiple"
        listHeight={192} // ends above the buttons
        aria-label="标签"
        autoFocus
        loading={tags.isPending}
        value={keys}
        onChange={setKeys}
        showSearch={{ optionFilterProp: "label" }}
        placeholder="选标签"
        options={[...groups].map(([label, options]) => ({ label, options }))}
        style={{ width: "100%" }}
      />
    </Modal>
  );
}

/** Fields filled in by hand. */
export function EditProfile({ contact }: { contact: Contact }) {
  return <Opener text="改资料" dialog={(close) => <Profile contact={contact} onClose={close} />} />;
}

function Profile({ contact, onClose }: { contact: Contact; onClose(): void }) {
  const [began] = useState(contact);
  const fields = useQuery({ queryKey: ["fields"], queryFn: () => data(api.GET("/fields", { params: { query: { limit: 200 } } })), staleTime: 60_000 });
  const list = fields.data?.items ?? [];
  const seen = useSeen<Contact>(
    contact,
    () => data(api.GET("/contacts/{id}", { params: { path: { id: contact.id } } })),
    list.map((f) => [f.label, (c) => c.values.find((v) => v.key === f.key)?.text]),
  );
  const save = useAct(
    (entered: Record<string, Entry>) => {
      const { values, was } = changes(list, began, seen.seen ?? began, entered);
      return data(api.PATCH("/contacts/{id}", { params: { path: { id: contact.id } }, body: { values, seen: was } }));
    },
    { done: (c) => (c.pending ? queued : "资料已更新"), changes: about(contact.id), quiet: true, onDone: onClose },
  );
  const title = `${contact.name || "客户"}的资料`;
  if (!fields.data) {
    return (
      <Modal open title={title} footer={null} onCancel={onClose}>
        {fields.error ? <Failure small error={fields.error} onRetry={() => void fields.refetch()} /> : <Loading />}
      </Modal>
    );
  }
  return (
    <FormDialog<Record<string, Entry>>
      title={title}
      initial={Object.fromEntries(began.values.map((v) => [v.key, v.value as Entry]))}
      save={save}
      overtaken={seen.overtaken}
      onClose={onClose}
      width={640}
      style={{ display: "grid", gridTemplateColumns: "1fr 1fr", columnGap: 16, maxHeight: "60vh", overflowY: "auto", paddingInlineEnd: 8 }}
    >
      {grouped(list).flatMap(([name, fields]) => [
        <h3 key={name} style={{ gridColumn: "1 / -1", fontSize: 14, margin: "0 0 8px", color: color.quiet, fontWeight: 500 }}>
          {name}
        </h3>,
        ...fields.map((f) => (
          <Form.Item key={f.key} name={f.key} label={f.label} style={{ marginBottom: 12 }}>
            {f.type === "number" ? (
              <InputNumber precision={0} style={{ width: "100%" }} />
            ) : f.type === "bool" ? (
              <Select
                allowClear
                options={[
                  { value: true, label: "是" },
                  { value: false, label: "否" },
                ]}
              />
            ) : f.type === "choice" ? (
              <Select allowClear showSearch={{ optionFilterProp: "label" }} options={(f.options ?? []).map((o) => ({ value: o.key, label: o.label }))} />
            ) : (
              <Input type={f.type === "date" ? "date" : undefined} />
            )}
          </Form.Item>
        )),
      ])}
    </FormDialog>
  );
}
