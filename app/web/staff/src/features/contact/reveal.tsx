import { api, ApiError, data, type Schema } from "@koi/shared";
import { Popup } from "antd-mobile";
import { useState } from "react";
import { copy } from "../../components/copy";

const reasons = ["回访跟进", "约演示", "报价沟通", "售后问题"];

/** Asks why before it shows a number: the look goes on record. */
export function Reveal({ contact, name, field, onClose }: { contact: string; name: string; field: "phone" | "email"; onClose(): void }) {
  const [why, setWhy] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState("");
  const [got, setGot] = useState<Schema<"Revealed">>();
  const what = field === "phone" ? "手机号" : "邮箱";
  async function look() {
    setBusy(true);
    setProblem("");
    try {
      setGot(await data(api.POST("/contacts/{id}/reveal", { params: { path: { id: contact } }, body: { field, reason: why.trim() } })));
    } catch (e) {
      setProblem(e instanceof ApiError ? e.message : "没有查看成功，请稍后再试");
    }
    setBusy(false);
  }
  return (
    <Popup visible onMaskClick={onClose} onClose={onClose} bodyStyle={{ borderRadius: "12px 12px 0 0" }}>
      <div className="sheet" role="dialog" aria-label={`${name}的${what}`}>
        <h2>
          {name}的{what}
        </h2>
        {got ? (
          got.values.map((v) => (
            <div key={v.identity_id} style={{ marginBottom: 12 }}>
              <div className="num" style={{ fontSize: 24 }}>
                {v.value}
              </div>
              <div className="actions">
                <a className="button main fill" href={field === "phone" ? `tel:${v.value.replace(/[^\d+]/g, "")}` : `mailto:${v.value}`}>
                  {field === "phone" ? "拨打" : "写邮件"}
                </a>
                <button type="button" className="button fill" onClick={() => void copy(v.value)}>
                  复制
                </button>
              </div>
            </div>
          ))
        ) : (
          <>
            <p className="quiet" style={{ margin: "0 0 12px" }}>
              为什么要看？会记入审计日志。
            </p>
            <div className="row wrap" style={{ marginBottom: 12 }}>
              {reasons.map((r) => (
                <button key={r} type="button" className={why === r ? "button main" : "button"} aria-pressed={why === r} onClick={() => setWhy(r)}>
                  {r}
                </button>
              ))}
            </div>
            <label className="field">
              原因
              <input value={why} maxLength={200} onChange={(e) => setWhy(e.target.value)} placeholder="选一个，或自己写" />
            </label>
            {problem && (
              <p className="problem" role="alert">
                {problem}
              </p>
            )}
            <button type="button" className="button main" style={{ width: "100%", minHeight: 48 }} disabled={busy || why.trim().length < 2} onClick={() => void look()}>
              {busy ? "正在查看…" : `查看${what}`}
            </button>
          </>
        )}
      </div>
    </Popup>
  );
}
