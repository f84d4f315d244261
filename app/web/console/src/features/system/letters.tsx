import { ago, api, data, time, type Schema, useSession } from "@koi/shared";
import { App, Button } from "antd";
import { useAct } from "../../components/act";
import { List } from "../../components/list";
import { Page } from "../../components/page";
import { useRefresh } from "../../components/refresh";
import { Nothing } from "../../components/states";
import { color } from "../../theme";

type Letter = Schema<"DeadLetter">;

/** Events that could not be processed and wait for somebody. Nothing is lost: each can be tried again. */
export default function DeadLetters() {
  const session = useSession();
  const { modal } = App.useApp();
  const changes = [["dead-letters"], ["system"]];
  const retry = useAct((id: string) => data(api.POST("/dead-letters/{id}/retry", { params: { path: { id } } })), {
    done: (r) => (r.applied ? "已重新处理；若又失败，会成为一条新的死信" : "已重新排队"),
    changes,
  });
  const discard = useAct((id: string) => data(api.POST("/dead-letters/{id}/discard", { params: { path: { id } } })), { done: "已丢弃", changes });
  useRefresh(["system"], [["dead-letters"]]);
  return (
    <Page title="死信" note="处理不了的事件停在这里等人看，其他事件照常往下走。">
      <List<Letter>
        queryKey={["dead-letters"]}
        load={(cursor) => data(api.GET("/dead-letters", { params: { query: { cursor, limit: 50 } } }))}
        rowKey="id"
        empty={<Nothing what="没有死信" hint="所有收到的事件都处理好了。" />}
        columns={[
          {
            title: "事件",
            width: 200,
            render: (_, d) => (
              <>
                <b style={{ fontWeight: 500 }}>{d.label}</b>
                <div style={{ color: color.quiet, fontSize: 13 }}>编号 {d.id}</div>
              </>
            ),
          },
          { title: "停在", width: 120, render: (_, d) => d.stage },
          { title: "错误", render: (_, d) => <span style={{ display: "inline-block", maxWidth: 560, whiteSpace: "normal", overflowWrap: "anywhere", color: color.bad }}>{d.error}</span> },
          { title: "次数", width: 72, align: "right", render: (_, d) => <span className="num">{d.tries}</span> },
          { title: "时间", width: 120, render: (_, d) => <span title={time(d.parked_at)}>{ago(d.parked_at)}</span> },
          {
            title: "",
            key: "act",
            width: 140,
            render: (_, d) =>
              session.may("system.repair") && (
                <span style={{ display: "flex", gap: 8 }}>
                  <Button size="small" loading={retry.isPending && retry.variables === d.id} onClick={() => retry.mutate(d.id)} aria-label={`重试 ${d.id}`}>
                    重试
                  </Button>
                  <Button
                    size="small"
                    danger
                    type="text"
                    aria-label={`丢弃 ${d.id}`}
                    onClick={() =>
                      void modal.confirm({
                        title: "丢弃这个事件？",
                        content: "它不会再被处理：不打标签、不计分、不触发旅程，也不能恢复。",
                        okText: "丢弃",
                        okButtonProps: { danger: true },
                        onOk: () => discard.mutateAsync(d.id).catch(() => undefined),
                      })
                    }
                  >
                    丢弃
                  </Button>
                </span>
              ),
          },
        ]}
      />
    </Page>
  );
}
