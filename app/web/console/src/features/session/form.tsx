import { ApiError, useSession } from "@koi/shared";
import { Alert, Button, Form, Input } from "antd";
import { useState } from "react";

/** Name and password; what the server says of them stands above. */
export function SignInForm({ login, onDone }: { login?: string; onDone(): void }) {
  const session = useSession();
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  return (
    <Form
      layout="vertical"
      requiredMark={false}
      initialValues={{ login }}
      onFinish={async (v: { login: string; password: string }) => {
        setBusy(true);
        setProblem("");
        try {
          await session.signIn(v.login.trim(), v.password);
          onDone();
        } catch (e) {
          setProblem(e instanceof ApiError ? e.message : "登录没有成功，请稍后再试");
        } finally {
          setBusy(false);
        }
      }}
    >
      {problem && <Alert type="error" showIcon title={problem} style={{ marginBottom: 16 }} />}
      <Form.Item name="login" label="登录名" rules={[{ required: true, message: "请输入登录名" }]}>
        <Input autoFocus={!login} disabled={!!login} autoComplete="username" size="large" />
      </Form.Item>
      <Form.Item name="password" label="密码" rules={[{ required: true, message: "请输入密码" }]}>
        <Input.Password autoFocus={!!login} autoComplete="current-password" size="large" />
      </Form.Item>
      <Button type="primary" htmlType="submit" block size="large" loading={busy}>
        登录
      </Button>
    </Form>
  );
}
