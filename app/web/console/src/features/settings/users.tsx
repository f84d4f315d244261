import { ago, api, data, time, type Schema, useSession } from "@koi/shared";
import { useQuery } from "@tanstack/react-query";
import { App, Button, Form, Input, Select, Tag } from "antd";
import { useState } from "react";
import { useAct } from "../../components/act";
import { FormDialog } from "../../components/formdialog";
import { List } from "../../components/list";
import { Page } from "../../components/page";
import { useSeen } from "../../components/seen";
import { Nothing } from "../../components/states";
import { color } from "../../theme";
import { roles } from "./roles";

type User = Schema<"User">;

/** Who can sign in, as what, and which member of staff they are. */
export default function Users() {
  const session = useSession();
  const { modal } = App.useApp();
  const [open, setOpen] = useState<User | "new">();
  const change = useAct((u: User) => data(api.PATCH("/users/{id}", { params: { path: { id: u.id }, header: { "If-Match": `"${u.rev}"` } }, body: { disabled: !u.disabled } })), { done: (u) => (u.disabled ? "已停用" : "已启用"), changes: [["users"]] });
  return (
    <Page title="用户与角色" note="谁能登录，能看什么、能做什么。" extra={<Button type="primary" onClick={() => setOpen("new")}>添加用户</Button>}>
      <List<User>
        queryKey={["users"]}
        load={(cursor) => data(api.GET("/users", { params: { query: { cursor, limit: 100 } } }))}
        rowKey="id"
        empty={<Nothing what="还没有用户" />}
        columns={[
          {
            title: "用户",
            render: (_, u) => (
              <>
                <b style={{ fontWeight: 500 }}>{u.name || u.login}</b>
                {u.disabled && <Tag style={{ marginInlineStart: 8 }}>已停用</Tag>}
                <div style={{ color: color.quiet, fontSize: 13 }}>{u.login}</div>
              </>
            ),
          },
          { title: "角色", width: 120, render: (_, u) => u.role_label },
          {
            title: "对应的员工",
            width: 180,
            render: (_, u) => (u.staff ? u.staff.name || u.staff.user_id : u.role === "sales" || u.role === "leader" ? <span style={{ color: color.warn }}>没有，看不到客户</span> : "—"),
          },
          { title: "最近登录", width: 140, render: (_, u) => (u.signed_in_at ? <span title={time(u.signed_in_at)}>{ago(u.signed_in_at)}</span> : "还没有登录过") },
          {
            title: "",
            key: "act",
            width: 160,
            render: (_, u) => (
              <span style={{ display: "flex", gap: 8 }}>
                <Button size="small" onClick={() => setOpen(u)} aria-label={`修改 ${u.login}`}>
                  修改
                </Button>
                {u.id !== session.me?.user?.id && (
                  <Button
                    size="small"
                    type="text"
                    danger={!u.disabled}
                    aria-label={`${u.disabled ? "启用" : "停用"} ${u.login}`}
                    onClick={() =>
                      void modal.confirm({
                        title: `${u.disabled ? "启用" : "停用"} ${u.name || u.login}？`,
                        content: u.disabled ? "可以重新登录，权限不变。" : "马上退出登录，不能再登录；做过的事和记录都还在。",
                        okText: u.disabled ? "启用" : "停用",
                        okButtonProps: { danger: !u.disabled },
                        onOk: () => change.mutateAsync(u).catch(() => undefined),
                      })
                    }
                  >
                    {u.disabled ? "启用" : "停用"}
                  </Button>
                )}
              </span>
            ),
          },
        ]}
      />
      {open && <UserForm user={open === "new" ? undefined : open} onClose={() => setOpen(undefined)} />}
    </Page>
  );
}

interface Entered {
  login: string;
  name?: string;
  role: string;
  staff?: string;
  password?: string;
}

function UserForm({ user, onClose }: { user?: User; onClose(): void }) {
  const [began] = useState<Partial<Entered>>(
    user ? { login: user.login, name: user.name, role: user.role, staff: user.staff ? `${user.staff.corp_id}/${user.staff.user_id}` : undefined } : { role: "marketer" },
  );
  const seen = useSeen(user, () => data(api.GET("/users/{id}", { params: { path: { id: user!.id } } })), [
    ["姓名", (u) => u.name],
    ["角色", (u) => u.role_label],
    ["对应的员工", (u) => u.staff?.name || u.staff?.user_id],
    ["状态", (u) => (u.disabled ? "已停用" : "启用")],
  ]);
  const staff = useQuery({ queryKey: ["staff"], queryFn: () => data(api.GET("/staff", { params: { query: { limit: 200 } } })), staleTime: 60_000 });
  const save = useAct(
    (v: Entered) => {
      const more = v.password ? { password: v.password } : {};
      const entered = { name: v.name ?? "", role: v.role, staff: v.staff ?? "" };
      // What was not touched here stays as somebody else may have made it.
      const changed = Object.fromEntries(Object.entries(entered).filter(([k, x]) => x !== (began[k as keyof Entered] ?? "")));
      return user
        ? data(api.PATCH("/users/{id}", { params: { path: { id: user.id }, header: seen.header }, body: { ...changed, ...more } }))
        : data(api.POST("/users", { body: { login: v.login.trim(), name: v.name ?? "", role: v.role, staff: v.staff ?? "", password: v.password ?? "" } }));
    },
    { done: "已保存", changes: [["users"]], quiet: true, onDone: onClose },
  );
  return (
    <FormDialog<Entered> title={user ? `修改 ${user.login}` : "添加用户"} initial={began} save={save} overtaken={seen.overtaken} onClose={onClose}>
      <Form.Item name="login" label="登录名" rules={[{ required: true, message: "请填写登录名" }]} extra="邮箱，或小写字母、数字、汉字">
        <Input disabled={!!user} autoComplete="off" />
      </Form.Item>
      <Form.Item name="name" label="姓名">
        <Input />
      </Form.Item>
      <Form.Item name="role" label="角色" rules={[{ required: true }]}>
        <Select options={roles.map((r) => ({ value: r.value, label: `${r.label}：${r.note}` }))} />
      </Form.Item>
      <Form.Item name="staff" label="对应的员工" extra="销售和主管要选：按企业微信里的好友关系看客户">
        <Select
          allowClear
          showSearch={{ optionFilterProp: "label" }}
          placeholder="不对应员工"
          options={(staff.data?.items ?? []).map((s) => ({ value: `${s.corp_id}/${s.user_id}`, label: [s.name || s.user_id, s.position].filter(Boolean).join(" · ") }))}
        />
      </Form.Item>
      <Form.Item name="password" label={user ? "新密码" : "初始密码"} rules={user ? [] : [{ required: true, message: "请填写密码" }]} extra={user ? "不改请留空" : "至少 10 个字符；请对方登录后自己修改"}>
        <Input.Password autoComplete="new-password" />
      </Form.Item>
    </FormDialog>
  );
}
