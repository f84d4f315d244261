import type { Schema } from "@koi/shared";
import { Popup } from "antd-mobile";
import { useEffect, useState } from "react";
import { copy } from "../../components/copy";
import { pitches } from "../../words";
import { draw } from "./poster";

type Props = { share: Schema<"MyShare">; onClose(): void };

/** A picture with my name and the QR code of my link. WeChat saves pictures by a long press. */
export function Poster({ share, who, onClose }: Props & { who: string }) {
  const [image, setImage] = useState("");
  useEffect(() => setImage(draw({ title: share.title, text: share.description, who, url: share.url })), [share, who]);
  return (
    <Popup visible onMaskClick={onClose} onClose={onClose} showCloseButton bodyStyle={{ borderRadius: "12px 12px 0 0", maxHeight: "92vh", overflowY: "auto" }}>
      <div className="sheet" role="dialog" aria-label="我的海报">
        <h2>我的海报</h2>
        {image && <img className="poster" src={image} alt={`${share.title}的海报，扫码打开`} />}
        <p className="quiet" style={{ textAlign: "center", margin: "0 0 12px" }}>
          长按图片，保存或发给客户
        </p>
        <a className="button" style={{ width: "100%" }} href={image} download={`${share.title}.jpg`}>
          保存图片
        </a>
      </div>
    </Popup>
  );
}

/** Words to go with the link. */
export function Pitches({ share, onClose }: Props) {
  return (
    <Popup visible onMaskClick={onClose} onClose={onClose} showCloseButton bodyStyle={{ borderRadius: "12px 12px 0 0", maxHeight: "92vh", overflowY: "auto" }}>
      <div className="sheet" role="dialog" aria-label="推广话术">
        <h2>推广话术</h2>
        {pitches(share.title, share.description, share.url).map((text) => (
          <div key={text} style={{ padding: 12, marginBottom: 12, borderRadius: 8, background: "var(--ground)" }}>
            <div style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere", fontSize: 15 }}>{text}</div>
            <div className="actions">
              <button type="button" className="button fill" onClick={() => void copy(text, "已复制话术")}>
                复制
              </button>
            </div>
          </div>
        ))}
        <p className="quiet small" style={{ margin: 0 }}>
          发之前按客户的情况改一改；不要用奖励请人转发，微信会封链接。
        </p>
      </div>
    </Popup>
  );
}
