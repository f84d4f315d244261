import { ago, api, data, time, type Schema } from "@koi/shared";
import { App, Button, Form, Input, Modal, Select, Tag } from "antd";
import { useState } from "react";
import { useAct } from "../../components/act";
import { List } from "../../components/list";
import { actor } from "../../components/actor";
import { FormDialog } from "../../components/formdialog";
import { Page } from "../../components/page";
import { Nothing } from "../../components/states";
import { color } from "../../theme";
import { Copy } from "./copy";
import { roleName } from "./roles";

type Key = Schema<"Key">;

const uses = [
  { value: "events.write", label: "上报事件（订单系统、官网、自建应用）" },
  { value: "role:analyst", label: "只读（报表、数据仓库）" },
  { value: "role:marketer", label: "市场（读写客户与配置）" },
];

/** Keys with which programs use the API. A key is shown once, when it is made. */
export default function Keys() {
  const { modal } = App.useApp();
  const [adding, setAdding] = useState(false);
  const [made, setMade] = useState<Key>();
  const revoke = useAct((id: string) => data(api.DELETE("/api-keys/{id}", { params: { path: { id } } })), { done: "已吊销", changes: [["keys"]] });
  return (
    <Page title="接口密钥" note="给别的系统用的密钥。每个系统一个，不用了就吊销。" extra={<Button type="primary" onClick={() => setAdding(true)}>创建密钥</Button>}>
      <List<Key>
        queryKey={["keys"]}
        load={(cursor) => data(api.GET("/api-keys", { params: { query: { cursor, limit: 100 } } }))}
        rowKey="id"
        empty={<Nothing what="还没有接口密钥" hint="订单系统上报付款、官网上报表单时，各给它一个。" />}
        columns={[
          {
            title: "给谁用",
            render: (_, k) => (
              <>
                <b style={{ fontWeight: 500 }}>{k.name}</b>
                {k.revoked_at && <Tag style={{ marginInlineStart: 8 }}>已吊销</Tag>}
                <div style={{ color: color.quiet, fontSize: 13 }}>{k.prefix}…</div>
              </>
            ),
          },
          { title: "能做什么", width: 280, render: (_, k) => <span style={{ display: "inline-block", maxWidth: 360, whiteSpace: "normal", overflowWrap: "anywhere" }}>{(k.role && `与「${roleName(k.role)}」相同`) || uses.find((u) => u.value === k.scopes.join(" "))?.label || k.scopes.join("、")}</span> },
          { title: "最近使用", width: 120, render: (_, k) => (k.used_at ? ago(k.used_at) : "没有用过") },
          { title: "创建", width: 160, render: (_, k) => `${actor(k.created_by ?? "")} ${time(k.created_at)}` },
          {
            title: "",
            key: "act",
            width: 88,
            render: (_, k) =>
              !k.revoked_at && (
                <Button
                  size="small"
                  danger
                  type="text"
                  aria-label={`吊销 ${k.name}`}
                  onClick={() =>
                    void modal.confirm({
                      title: `吊销「${k.name}」？`,
                      content: "用它的系统会马上收到 401，不能恢复。",
                      okText: "吊销",
                      okButtonProps: { danger: true },
                      onOk: () => revoke.mutateAsync(k.id).catch(() => undefined),
                    })
                  }
                >
                  吊销
                </Button>
              ),
          },
        ]}
      />
      {adding && (
        <Add
          onClose={() => setAdding(false)}
          onMade={(k) => {
            setAdding(false);
            setMade(k);
          }}
        />
      )}
      <Modal open={!!made} title="密钥已创建" footer={<Button type="primary" onClick={() => setMade(undefined)}>我已保存好</Button>} closable={false} mask={{ closable: false }} destroyOnHidden>
        <p>只显示这一次，请现在复制到对方系统里。</p>
        <Copy text={made?.secret ?? ""} name="密钥" />
      </Modal>
    </Page>
  );
}

interface Entered {
  name: string;
  use: string;
}

function Add({ onClose, onMade }: { onClose(): void; onMade(k: Key): void }) {
  const add = useAct(
    (v: Entered) => data(api.POST("/api-keys", { body: { name: v.name.trim(), ...(v.use.startsWith("role:") ? { role: v.use.slice(5) } : { scopes: [v.use] }) } })),
    { changes: [["keys"]], quiet: true, onDone: onMade },
  );
  return (
    <FormDialog<Entered> title="创建接口密钥" ok="创建" initial={{ use: "events.write" }} save={add} onClose={onClose}>
      <Form.Item name="name" label="给谁用" rules={[{ required: true, message: "请填写给谁用" }]}>
        <Input placeholder="如 订单系统" />
      </Form.Item>
      <Form.Item name="use" label="能做什么" rules={[{ required: true }]}>
        <Select options={uses} />
      </Form.Item>
    </FormDialog>
  );
}
