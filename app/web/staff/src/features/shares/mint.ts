import { api, ApiError, data, type Schema } from "@koi/shared";
import { useQueryClient } from "@tanstack/react-query";
import { Toast } from "antd-mobile";
import { copy } from "../../components/copy";

/** The id the tracker gave this browser, so that opening one's own link here does not count. */
function visitor(): string | undefined {
  try {
    const v = localStorage.getItem("koi_v") ?? "";
    return /^v_[\w-]{6,64}$/.test(v) ? v : undefined;
  } catch {
    return undefined;
  }
}

/** Makes my link of a page known, and copies it when asked. Known already, nothing is sent. */
export function useMint() {
  const client = useQueryClient();
  return async (share: Schema<"MyShare">, then?: "link"): Promise<boolean> => {
    // The link is the same whether it is known yet or not: it can be copied within the tap, as phones want.
    if (then) void copy(share.url, "已复制我的链接");
    if (share.minted) return true;
    try {
      await data(api.POST("/my/shares", { body: { page: share.page, visitor: visitor() } }));
      void client.invalidateQueries({ queryKey: ["shares"] });
      return true;
    } catch (e) {
      Toast.show({ content: e instanceof ApiError ? e.message : "没有生成成功，请稍后再试" });
      return false;
    }
  };
}
