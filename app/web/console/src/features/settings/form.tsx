import { api, data } from "@koi/shared";
import { App, Button, Form, Input } from "antd";
import { useAct } from "../../components/act";
import { FormDialog } from "../../components/formdialog";
import { useSeen } from "../../components/seen";
import { copy } from "./copy";
import { type Account, entered, type Kind, kinds, make, secretName } from "./fields";
import { send } from "./send";

/** Adds an account or changes one. Secrets are never shown again: what is left empty stays. */
export function AccountForm({ kind, account, onClose, onDone }: { kind: Kind; account?: Account; onClose(): void; onDone?(a: Account): void }) {
  const [form] = Form.useForm<Record<string, string>>();
  const values = Form.useWatch([], form) as Record<string, string> | undefined;
  const { message } = App.useApp();
  const k = kinds[kind];
  const seen = useSeen(account, () => send(account!.id, "GET"), [
    ["名称", (a) => a.name],
    ["AccessKey", (a) => a.access_key_id],
    ["已填的密钥", (a) => a.secrets.map(secretName).join("、")],
  ]);
  const save = useAct(
    (v: Record<string, string>) => {
      const body = entered(kind, v, !account);
      return account ? send(account.id, "PATCH", body, seen.header) : data(api.POST("/accounts", { body: body as never }));
    },
    {
      done: account ? "已保存" : "已添加",
      changes: [["accounts"]],
      quiet: true,
      onDone(a) {
        onDone?.(a);
        onClose();
      },
    },
  );
  const set = (field: string): boolean => !!account && (account.secrets.includes(field) || (field === "access_key_id" && !!account.access_key_id));
  return (
    <FormDialog
      title={account ? `修改${k.name}` : `添加${k.name}`}
      ok={account ? "保存" : "添加"}
      intro={`各项的值在 ${k.console} 里。密钥加密保存，保存后不再显示。`}
      form={form}
      initial={account ? { app_id: account.app_id, corp_id: account.corp_id, agent_id: account.agent_id?.toString(), sign_name: account.sign_name, name: account.name } : {}}
      save={save}
      overtaken={seen.overtaken}
      onClose={onClose}
      width={560}
    >
      {k.fields.map((f) => (
        <Form.Item key={f.key} label={f.label} extra={f.help} required={f.required && !set(f.key)} style={{ marginBottom: 16 }}>
          <div style={{ display: "flex", gap: 8 }}>
            <Form.Item name={f.key} noStyle rules={f.required && !set(f.key) ? [{ required: true, message: `请填写${f.label}` }] : []}>
              {f.secret ? (
                <Input.Password autoComplete="new-password" placeholder={set(f.key) ? "已填写；不改请留空" : undefined} aria-label={f.label} />
              ) : (
                <Input disabled={f.fixed && !!account} placeholder={set(f.key) ? `${account?.access_key_id ?? "已填写"}；不改请留空` : undefined} aria-label={f.label} />
              )}
            </Form.Item>
            {f.make && <Button onClick={() => form.setFieldValue(f.key, make(f.make!))}>生成</Button>}
            {f.make && (
              <Button
                aria-label={`复制${f.label}`}
                disabled={!values?.[f.key]}
                onClick={async () => {
                  await copy(String(values?.[f.key] ?? ""));
                  void message.success(`${f.label}已复制，请粘贴到平台后台`);
                }}
              >
                复制
              </Button>
            )}
          </div>
        </Form.Item>
      ))}
    </FormDialog>
  );
}
