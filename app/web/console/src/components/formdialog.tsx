import { Alert, Form, type FormInstance, Modal } from "antd";
import { type CSSProperties, type ReactNode, useState } from "react";
import { color } from "../theme";
import { said } from "./act";

/** What saves a form: the result of useAct. */
interface Save<V> {
  isPending: boolean;
  mutate(values: V, on: { onError(e: unknown): void }): void;
}

/**
 * A form in a dialog. When saving fails it says why and stays open, with what was typed; whoever saves closes
 * it. overtaken tells what somebody else changed meanwhile (see useSeen).
 */
export function FormDialog<V extends object>({
  title,
  ok = "保存",
  danger,
  intro,
  form,
  initial,
  save,
  overtaken,
  onClose,
  width,
  style,
  children,
}: {
  title: string;
  ok?: string;
  danger?: boolean;
  intro?: ReactNode;
  /** Only where the screen looks into the form. */
  form?: FormInstance<V>;
  initial?: Partial<V>;
  save: Save<V>;
  overtaken?(e: unknown): Promise<string | undefined>;
  onClose(): void;
  width?: number;
  style?: CSSProperties;
  children: ReactNode;
}) {
  const [own] = Form.useForm<V>();
  const [problem, setProblem] = useState("");
  const it = form ?? own;
  return (
    <Modal open title={title} okText={ok} okButtonProps={{ danger }} confirmLoading={save.isPending} onOk={() => it.submit()} onCancel={onClose} mask={{ closable: false }} width={width}>
      {intro && <p style={{ color: color.quiet, marginTop: 0 }}>{intro}</p>}
      {problem && <Alert type="error" showIcon title={problem} style={{ marginBottom: 16 }} />}
      <Form<V>
        form={it}
        layout="vertical"
        initialValues={initial}
        onFinish={(v) => {
          setProblem("");
          save.mutate(v, { onError: async (e) => setProblem((await overtaken?.(e)) ?? said(e)) });
        }}
        autoComplete="off"
        style={style}
      >
        {children}
      </Form>
    </Modal>
  );
}
