import { api, count, data, time, type Schema } from "@koi/shared";
import { useMutation } from "@tanstack/react-query";
import { Button, Card } from "antd";
import { useMemo } from "react";
import { Failure } from "../../components/states";
import { color } from "../../theme";
import { summarize } from "./findings";
import { Light } from "./verdict";

type Finding = Schema<"Finding">;

/** Asks the server to examine itself and the platforms: `koi doctor`, in the browser. */
export function useDoctor() {
  return useMutation({ mutationKey: ["doctor"], mutationFn: () => data(api.POST("/system/doctor", {})) });
}

/** The examination: every finding with its verdict, and what to do; the worst first. */
export function Doctor({ doctor, names }: { doctor: ReturnType<typeof useDoctor>; names: Map<string, string> }) {
  const result = doctor.data;
  const sum = useMemo(() => summarize(result?.findings ?? []), [result]);
  return (
    <Card
      variant="borderless"
      title="体检"
      extra={
        <Button type="primary" loading={doctor.isPending} onClick={() => doctor.mutate()}>
          {result ? "再检查一次" : "开始体检"}
        </Button>
      }
    >
      <div aria-live="polite">
        {!result && !doctor.error && (
          <span style={{ color: color.quiet }}>
            {doctor.isPending ? "正在检查地址、磁盘、数据库和每个平台账号，最多 30 秒……" : "检查对外地址、磁盘、数据库、事件处理，以及每个平台账号的凭据、IP 白名单、回调和权限，指出怎么修。只查询，不发送任何消息。"}
          </span>
        )}
        {doctor.error && <Failure small error={doctor.error} onRetry={() => doctor.mutate()} />}
        {result && !doctor.error && (
          <>
            <p style={{ marginTop: 0, fontSize: 15 }}>
              <b style={{ color: sum.tone === "bad" ? color.bad : sum.tone === "warning" ? color.warn : color.good }}>{sum.text}</b>
              <span style={{ color: color.quiet, marginInlineStart: 16 }}>{`${time(result.at)} 检查 ${count(result.findings.length)} 项，用时${result.took_ms < 1000 ? "不到 1 秒" : ` ${Math.round(result.took_ms / 1000)} 秒`}`}</span>
            </p>
            {sum.sorted.map((f, i) => (
              <Line key={i} finding={f} name={f.account ? (names.get(f.account) ?? f.account) : ""} />
            ))}
          </>
        )}
      </div>
    </Card>
  );
}

function Line({ finding: f, name }: { finding: Finding; name: string }) {
  return (
    <div style={{ display: "grid", gridTemplateColumns: "20px 180px minmax(0,1fr)", gap: 12, padding: "10px 0", borderTop: `1px solid ${color.line}` }}>
      <Light verdict={f.verdict} label={f.verdict_label} />
      <div>
        <b style={{ fontWeight: 500 }}>{f.check}</b>
        <div style={{ color: color.quiet, fontSize: 13 }}>{name || "整个系统"}</div>
      </div>
      <div style={{ overflowWrap: "anywhere" }}>
        <div>{f.what}</div>
        {f.do && <div style={{ color: f.verdict === "bad" ? color.bad : color.accent, marginTop: 2 }}>怎么办：{f.do}</div>}
      </div>
    </div>
  );
}
