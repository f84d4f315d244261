import { Form, Input } from "antd";
import { FormDialog } from "./formdialog";

/** Asks for the reason an act is put on record with. */
export function Ask({
  title,
  label,
  ok,
  danger,
  act,
  onClose,
}: {
  title: string;
  label: string;
  ok: string;
  danger?: boolean;
  act: { isPending: boolean; mutate(reason: string, on: { onError(e: unknown): void }): void };
  onClose(): void;
}) {
  const save = { isPending: act.isPending, mutate: (v: { reason: string }, on: { onError(e: unknown): void }) => act.mutate(v.reason.trim(), on) };
  return (
    <FormDialog<{ reason: string }> title={title} ok={ok} danger={danger} save={save} onClose={onClose} width={440}>
      <Form.Item
        name="reason"
        label={label}
        rules={[
          { required: true, whitespace: true, message: "请写明原因" },
          { min: 2, message: "请至少写 2 个字" },
        ]}
      >
        <Input autoFocus maxLength={200} />
      </Form.Item>
    </FormDialog>
  );
}
