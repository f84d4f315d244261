import { Toast } from "antd-mobile";

/** Puts a text on the clipboard, and says so. */
export async function copy(text: string, said = "已复制"): Promise<void> {
  Toast.show((await put(text)) ? { icon: "success", content: said } : { content: "没有复制成功：请长按文字自行复制" });
}

async function put(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Old webviews and pages without https have no clipboard of their own.
    const area = document.createElement("textarea");
    area.value = text;
    area.style.cssText = "position:fixed;opacity:0";
    document.body.append(area);
    area.select();
    const ok = document.execCommand("copy");
    area.remove();
    return ok;
  }
}
