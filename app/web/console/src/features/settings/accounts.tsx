import { ago, api, data, useSession } from "@koi/shared";
import { useQuery } from "@tanstack/react-query";
import { App, Button, Card, Dropdown, Tag } from "antd";
import { useState } from "react";
import { Link } from "react-router";
import { useAct } from "../../components/act";
import { Fact } from "../../components/marks";
import { Page } from "../../components/page";
import { Failure, Loading, Nothing } from "../../components/states";
import { color } from "../../theme";
import { Copy } from "./copy";
import { Doctor, useDoctor } from "./doctor";
import { type Account, type Kind, kinds, secretName, standing } from "./fields";
import { AccountForm } from "./form";
import { Proofs } from "./proofs";
import { send } from "./send";
import { Light } from "./verdict";

export const listAccounts = { queryKey: ["accounts"], queryFn: () => data(api.GET("/accounts", { params: { query: { limit: 200 } } })) };

/** Accounts of the platforms, how each stands, and the doctor. */
export default function Accounts() {
  const session = useSession();
  const [adding, setAdding] = useState<Kind>();
  const q = useQuery(listAccounts);
  const doctor = useDoctor();
  const order = Object.keys(kinds);
  const items = [...(q.data?.items ?? [])].sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
  const names = new Map(items.map((a) => [a.id.slice(a.id.indexOf("/") + 1), a.name || a.id]));
  const add = session.may("accounts.write") && (
    <Dropdown menu={{ items: order.map((k) => ({ key: k, label: kinds[k as Kind].name })), onClick: ({ key }) => setAdding(key as Kind) }} trigger={["click"]}>
      <Button type="primary">添加账号</Button>
    </Dropdown>
  );
  return (
    <Page title="渠道与健康" note="公众号、企业微信、小程序、短信：接上了没有，哪里要修。" extra={add}>
      {q.isPending && <Loading />}
      {q.error && !q.data && <Failure error={q.error} onRetry={() => void q.refetch()} />}
      {q.data && items.length === 0 && (
        <Card variant="borderless" style={{ marginBottom: 16 }}>
          <Nothing what="还没有接入平台账号" hint="接上公众号和企业微信，客户的每一步才看得见。" action={<Link to="/onboarding">按步骤接入</Link>} />
        </Card>
      )}
      <div style={{ display: "grid", gridTemplateColumns: "repeat(auto-fill, minmax(460px, 1fr))", gap: 16, marginBottom: 16 }}>
        {items.map((a) => (
          <AccountCard key={a.id} account={a} />
        ))}
      </div>
      <div style={{ display: "grid", gap: 16 }}>
        <Doctor doctor={doctor} names={names} />
        <Proofs />
      </div>
      {adding && <AccountForm kind={adding} onClose={() => setAdding(undefined)} />}
    </Page>
  );
}

const purposes: Record<string, string> = { app: "接口凭据", contact: "客户联系凭据" };

export function AccountCard({ account: a }: { account: Account }) {
  const session = useSession();
  const { modal } = App.useApp();
  const [editing, setEditing] = useState(false);
  const [checked, setChecked] = useState<Account>();
  const kind = a.kind as Kind;
  const check = useAct(() => send(a.id, "CHECK"), { changes: [["accounts"]], onDone: (out) => setChecked(out) });
  const drop = useAct(() => send(a.id, "DELETE"), { done: "已删除", changes: [["accounts"]] });
  // Aliyun's standing is kept nowhere: what the check said is all there is.
  const shown = a.health.length === 0 && checked ? { ...a, health: checked.health } : a;
  const stands = standing(shown);
  return (
    <Card
      variant="borderless"
      size="small"
      role="region"
      aria-label={`${kinds[kind]?.name ?? a.kind} ${a.name}`}
      title={
        <span style={{ display: "flex", gap: 8, alignItems: "center" }}>
          <Light verdict={stands.state} />
          {a.name || a.id}
          <Tag variant="filled">{kinds[kind]?.name ?? a.kind}</Tag>
          {a.read_only && <Tag title="写在服务器的配置文件里，这里只能查看">配置文件</Tag>}
        </span>
      }
      extra={
        session.may("accounts.write") && (
          <span style={{ display: "flex", gap: 4 }}>
            <Button size="small" loading={check.isPending} onClick={() => check.mutate(undefined)}>
              现在检查
            </Button>
            {!a.read_only && (
              <>
                <Button size="small" onClick={() => setEditing(true)}>
                  修改
                </Button>
                <Button
                  size="small"
                  type="text"
                  danger
                  onClick={() =>
                    void modal.confirm({
                      title: `删除 ${a.name || a.id}？`,
                      content: "删除后收不到这个账号的回调，也不能用它发消息；客户和历史不会删除。",
                      okText: "删除",
                      okButtonProps: { danger: true },
                      onOk: () => drop.mutateAsync(undefined).catch(() => undefined),
                    })
                  }
                >
                  删除
                </Button>
              </>
            )}
          </span>
        )
      }
    >
      <div style={{ color: stands.state === "bad" ? color.bad : stands.state === "good" ? color.good : color.quiet, marginBottom: 8, overflowWrap: "anywhere" }}>{stands.text}</div>
      {a.app_id && <Fact name="AppID">{a.app_id}</Fact>}
      {a.corp_id && (
        <Fact name="企业 / 应用">
          {a.corp_id} / {a.agent_id}
        </Fact>
      )}
      {a.sign_name && <Fact name="签名">【{a.sign_name}】</Fact>}
      {a.access_key_id && <Fact name="AccessKey">{a.access_key_id}</Fact>}
      <Fact name="密钥">
        {a.secrets.length === 0 && <span style={{ color: color.bad }}>还没有填</span>}
        {a.secrets.map((s) => (
          <Tag key={s} variant="filled" color="green">
            ✓ {secretName(s)}
          </Tag>
        ))}
      </Fact>
      {a.callback_url && (
        <Fact name="回调地址">
          <Copy text={a.callback_url} name="回调地址" />
          <span style={{ color: color.quiet, fontSize: 13 }}>填到{kinds[kind]?.where}</span>
        </Fact>
      )}
      {shown.health.map((h) => (
        <Fact key={h.purpose} name={purposes[h.purpose] ?? h.purpose}>
          {h.checked_at ? `${h.ok ? "有效" : "无效"}，${ago(h.checked_at)}检查` : "还没有用过"}
          {h.skew_ms !== undefined && Math.abs(h.skew_ms) > 5_000 && <span style={{ color: color.warn }}>　本机时钟差 {Math.round(Math.abs(h.skew_ms) / 1000)} 秒，请校时</span>}
        </Fact>
      ))}
      {editing && <AccountForm kind={kind} account={a} onClose={() => setEditing(false)} />}
    </Card>
  );
}
