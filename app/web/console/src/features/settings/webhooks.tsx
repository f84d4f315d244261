import { ago, api, data, time, type Schema, useSession } from "@koi/shared";
import { Alert, App, Button, Card, Dropdown, Form, Input, Modal, Tag } from "antd";
import { useState } from "react";
import { Link } from "react-router";
import { useAct } from "../../components/act";
import { List } from "../../components/list";
import { actor } from "../../components/actor";
import { FormDialog } from "../../components/formdialog";
import { Page } from "../../components/page";
import { useSeen } from "../../components/seen";
import { Nothing } from "../../components/states";
import { color } from "../../theme";
import { Copy } from "./copy";

type Webhook = Schema<"Webhook">;

const at = (key: string) => ({ params: { path: { key } } });
const seenBy = (w: Webhook) => ({ params: { path: { key: w.key }, header: { "If-Match": `"${w.rev}"` } } });

/** Other systems that journeys tell what happened: where they are, whether they answer, what was delivered. */
export default function Webhooks() {
  const session = useSession();
  const { modal } = App.useApp();
  const [open, setOpen] = useState<Webhook | "new">();
  const [made, setMade] = useState<Webhook>();
  const [tried, setTried] = useState<{ hook: Webhook; answer: Schema<"WebhookTrial"> }>();
  const changes = [["webhooks"]];
  const attempt = useAct((w: Webhook) => data(api.POST("/webhooks/{key}/test", at(w.key))), { onDone: (answer, hook) => setTried({ hook, answer }) });
  const turn = useAct((w: Webhook) => data(api.PATCH("/webhooks/{key}", { ...seenBy(w), body: { off: !w.off } })), { done: (w) => (w.off ? "已停用" : "已启用"), changes });
  const rotate = useAct((w: Webhook) => data(api.POST("/webhooks/{key}/secret", at(w.key))), { changes, onDone: setMade });
  const drop = useAct((w: Webhook) => data(api.DELETE("/webhooks/{key}", at(w.key))), { done: "已删除", changes });
  const may = session.may("accounts.write");
  const more = (w: Webhook) => {
    const ask = (text: string, content: string, act: () => Promise<unknown>, danger = true) =>
      void modal.confirm({ title: `${text}：${w.name}？`, content, okText: text, okButtonProps: { danger }, onOk: () => act().catch(() => undefined) });
    return {
      edit: () => setOpen(w),
      turn: () =>
        w.off
          ? ask("启用", "从现在起，旅程里的推送重新发出；停用期间的不会补发。", () => turn.mutateAsync(w), false)
          : ask("停用", "旅程照常走，但不再推送给它，消息会写明「已停用」。", () => turn.mutateAsync(w)),
      secret: () => ask("重新生成密钥", "旧密钥马上失效：对方换上新密钥之前，会验不过签名。", () => rotate.mutateAsync(w)),
      drop: () => ask("删除", "还有旅程在用时不能删除。推送记录会保留。", () => drop.mutateAsync(w)),
    } as Record<string, () => void>;
  };
  return (
    <Page
      title="Webhook"
      note="旅程走到「推送」这一步时，把发生的事告诉订单系统、数据仓库等别的系统。"
      extra={
        may && (
          <Button type="primary" onClick={() => setOpen("new")}>
            添加 Webhook
          </Button>
        )
      }
    >
      <List<Webhook>
        queryKey={["webhooks"]}
        load={(cursor) => data(api.GET("/webhooks", { params: { query: { cursor, limit: 100 } } }))}
        rowKey="key"
        empty={<Nothing what="还没有 Webhook" hint="添加对方的地址，拿到签名密钥，再在旅程里用它。" />}
        columns={[
          {
            title: "推送给",
            width: 240,
            render: (_, w) => (
              <>
                <b style={{ fontWeight: 500 }}>{w.name}</b>
                {w.off && <Tag style={{ marginInlineStart: 8 }}>已停用</Tag>}
                <div style={{ color: color.quiet, fontSize: 13 }}>旅程里写 {w.key}</div>
              </>
            ),
          },
          {
            title: "地址",
            render: (_, w) => (
              <div style={{ maxWidth: 420, whiteSpace: "normal", overflowWrap: "anywhere" }}>
                {w.url}
                {w.note && <div style={{ color: color.quiet, fontSize: 13 }}>{w.note}</div>}
              </div>
            ),
          },
          {
            title: "改动",
            width: 144,
            render: (_, w) => (
              <span title={time(w.updated_at)}>
                {actor(w.updated_by)}
                <div style={{ color: color.quiet, fontSize: 13 }}>{ago(w.updated_at)}</div>
              </span>
            ),
          },
          { title: "推送记录", width: 96, render: (_, w) => <Link to={`/messages?channel=webhook&account=${encodeURIComponent(w.key)}`}>查看</Link> },
          {
            title: "",
            key: "act",
            width: 168,
            render: (_, w) =>
              may && (
                <span style={{ display: "flex", gap: 8 }}>
                  <Button size="small" loading={attempt.isPending && attempt.variables?.key === w.key} onClick={() => attempt.mutate(w)} aria-label={`试发 ${w.name}`}>
                    试发一条
                  </Button>
                  <Dropdown
                    trigger={["click"]}
                    menu={{
                      items: [
                        { key: "edit", label: "修改" },
                        { key: "turn", label: w.off ? "启用" : "停用" },
                        { key: "secret", label: "重新生成密钥", disabled: !!w.secret_file },
                        { key: "drop", label: "删除", danger: true },
                      ],
                      onClick: ({ key }) => more(w)[key]?.(),
                    }}
                  >
                    <Button size="small" aria-label={`更多：${w.name}`}>
                      更多
                    </Button>
                  </Dropdown>
                </span>
              ),
          },
        ]}
      />
      <Receiving />
      {open && (
        <WebhookForm
          webhook={open === "new" ? undefined : open}
          onClose={() => setOpen(undefined)}
          onMade={(w) => {
            setOpen(undefined);
            if (w.secret) setMade(w);
          }}
        />
      )}
      <Modal open={!!made} title={`${made?.name ?? ""} 的签名密钥`} footer={<Button type="primary" onClick={() => setMade(undefined)}>我已保存好</Button>} closable={false} mask={{ closable: false }} destroyOnHidden>
        <p>只显示这一次，请现在复制到对方系统里，用它核对每次推送的签名。</p>
        <Copy text={made?.secret ?? ""} name="签名密钥" />
      </Modal>
      <Modal open={!!tried} title={`试发给 ${tried?.hook.name ?? ""}`} footer={<Button onClick={() => setTried(undefined)}>知道了</Button>} onCancel={() => setTried(undefined)} destroyOnHidden>
        {tried && (
          <Alert
            type={tried.answer.ok ? "success" : "error"}
            showIcon
            title={tried.answer.ok ? `对方收下了，用时 ${tried.answer.took_ms} 毫秒` : `没有送到${tried.answer.status ? `：对方回答 ${tried.answer.status}` : ""}`}
            description={tried.answer.detail}
          />
        )}
      </Modal>
    </Page>
  );
}

/** What the other side has to do, for whoever builds it. */
function Receiving() {
  const row = { display: "grid", gridTemplateColumns: "176px minmax(0,1fr)", gap: 12, padding: "6px 0", borderTop: `1px solid ${color.line}` };
  return (
    <Card variant="borderless" size="small" title="给接收方的开发者" style={{ marginTop: 16 }}>
      <p style={{ margin: "0 0 8px", color: color.quiet }}>每次推送是一个 POST，正文是 JSON。10 秒内回答 2xx 就算收到；没有回答、5xx、408、425 或 429 会在 10 秒到 6 小时之后再试，最多 8 次；其他 3xx、4xx 算拒收，不再自动重试。</p>
      {[
        ["X-Koi-Signature", "v1= 后面是 HMAC-SHA256（签名密钥，时间戳 + \".\" + 正文）的十六进制；对不上就不要收"],
        ["X-Koi-Timestamp", "这一次的 Unix 秒；早于 5 分钟的请拒收，防止重放"],
        ["X-Koi-Delivery", "这条推送的编号，重试时不变；请记住 72 小时，见过的回答 200 即可"],
        ["X-Koi-Event", "发生了什么，与正文的 type 相同"],
      ].map(([name, what]) => (
        <div key={name} style={row}>
          <code>{name}</code>
          <span>{what}</span>
        </div>
      ))}
    </Card>
  );
}

interface Entered {
  key: string;
  name: string;
  url: string;
  note?: string;
}

function WebhookForm({ webhook, onClose, onMade }: { webhook?: Webhook; onClose(): void; onMade(w: Webhook): void }) {
  const seen = useSeen(webhook, () => data(api.GET("/webhooks/{key}", at(webhook!.key))), [
    ["名称", (w) => w.name],
    ["地址", (w) => w.url],
    ["备注", (w) => w.note],
    ["状态", (w) => (w.off ? "已停用" : "启用")],
  ]);
  const save = useAct(
    (v: Entered) => {
      const body = { name: v.name.trim(), url: v.url.trim(), note: v.note?.trim() ?? "" };
      const changed = Object.fromEntries(Object.entries(body).filter(([k, x]) => x !== (webhook?.[k as keyof Webhook] ?? "")));
      return webhook ? data(api.PATCH("/webhooks/{key}", { params: { path: { key: webhook.key }, header: seen.header }, body: changed })) : data(api.POST("/webhooks", { body: { key: v.key.trim(), ...body } }));
    },
    { done: "已保存", changes: [["webhooks"]], quiet: true, onDone: onMade },
  );
  return (
    <FormDialog<Entered> title={webhook ? `修改 ${webhook.name}` : "添加 Webhook"} initial={webhook} save={save} overtaken={seen.overtaken} onClose={onClose}>
      <Form.Item name="name" label="推送给谁" rules={[{ required: true, message: "请填写名称" }]}>
        <Input placeholder="如 订单系统" />
      </Form.Item>
      <Form.Item name="key" label="旅程里的名字" extra="英文，之后不能改" rules={[{ required: true, message: "请填写英文名" }]}>
        <Input disabled={!!webhook} placeholder="如 erp" />
      </Form.Item>
      <Form.Item name="url" label="地址" extra="公网地址；内网、本机的地址会被拒绝" rules={[{ required: true, message: "请填写地址" }]}>
        <Input placeholder="https://erp.example.com/koi" />
      </Form.Item>
      <Form.Item name="note" label="备注">
        <Input.TextArea autoSize={{ minRows: 1, maxRows: 4 }} />
      </Form.Item>
    </FormDialog>
  );
}
