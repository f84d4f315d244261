import { api, data, useSession } from "@koi/shared";
import { useQuery } from "@tanstack/react-query";
import { App, Button, Card, Upload } from "antd";
import { useAct } from "../../components/act";
import { Failure, Nothing } from "../../components/states";
import { color } from "../../theme";
import { Copy } from "./copy";

/** Files with which the platforms see that a domain is ours: uploaded, they are answered at once. */
export function Proofs() {
  const session = useSession();
  const { modal, message } = App.useApp();
  const q = useQuery({ queryKey: ["proofs"], queryFn: () => data(api.GET("/domain-proofs", { params: { query: { limit: 50 } } })) });
  const put = useAct((body: { name: string; content: string }) => data(api.POST("/domain-proofs", { body })), { done: "已上传，平台现在就能读到", changes: [["proofs"]] });
  const drop = useAct((name: string) => data(api.DELETE("/domain-proofs/{name}", { params: { path: { name } } })), { done: "已删除", changes: [["proofs"]] });
  return (
    <Card
      variant="borderless"
      title="域名校验文件"
      extra={
        session.may("accounts.write") && (
          <Upload
            accept=".txt"
            showUploadList={false}
            beforeUpload={(file) => {
              if (file.size > 300) void message.error("校验文件只有一行：请选择平台下载的 MP_verify_….txt 或 WW_verify_….txt");
              else void file.text().then((content) => put.mutate({ name: file.name, content }));
              return false;
            }}
          >
            <Button loading={put.isPending}>上传文件</Button>
          </Upload>
        )
      }
    >
      <p style={{ marginTop: 0, color: color.quiet }}>公众平台设置「业务域名、JS 接口安全域名、网页授权域名」，企业微信设置「可信域名」时，会让您下载一个文件放到域名根目录。在这里上传就行，不用登录服务器。</p>
      {q.error && <Failure small error={q.error} onRetry={() => void q.refetch()} />}
      {q.data?.items.length === 0 && <Nothing what="还没有上传过" />}
      {q.data?.items.map((p) => (
        <div key={p.name} style={{ display: "grid", gridTemplateColumns: "minmax(0,1fr) auto", gap: 12, padding: "8px 0", borderTop: `1px solid ${color.line}` }}>
          <Copy text={p.url} name="地址" />
          {session.may("accounts.write") && (
            <Button size="small" danger type="text" onClick={() => void modal.confirm({ title: `删除 ${p.name}？`, content: "平台下次校验域名时会失败。", okText: "删除", okButtonProps: { danger: true }, onOk: () => drop.mutateAsync(p.name).catch(() => undefined) })}>
              删除
            </Button>
          )}
        </div>
      ))}
    </Card>
  );
}
