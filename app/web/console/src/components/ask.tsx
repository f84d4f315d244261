import { Alert, Form, Input, Modal } from "antd";
import { said } from "./act";

/** Asks for the reason an act is put on record with. It stays open, with what was typed, until the act went well. */
export function Ask({ title, label, ok, danger, pending, error, onOk, onClose }: { title: string; label: string; ok: string; danger?: boolean; pending: boolean; error: unknown; onOk(reason: string): void; onClose(): void }) {
  const [form] = Form.useForm<{ reason: string }>();
  return (
    <Modal open title={title} okText={ok} okButtonProps={{ danger }} confirmLoading={pending} onOk={() => form.submit()} onCancel={onClose} mask={{ closable: false }} width={440}>
      {!!error && <Alert type="error" showIcon title={said(error)} style={{ marginBottom: 16 }} />}
      <Form form={form} layout="vertical" onFinish={(v) => onOk(v.reason.trim())} autoComplete="off">
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
      </Form>
    </Modal>
  );
}
