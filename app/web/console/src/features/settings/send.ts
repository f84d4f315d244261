import { api, data } from "@koi/shared";
import type { Account } from "./fields";

/**
 * Reads, changes, checks or removes an account by its id ("official/wx…", "wecom/ww…/1000002", …), which is its
 * address behind /accounts/.
 */
export async function send(id: string, method: "GET" | "PATCH" | "DELETE" | "CHECK", body?: unknown, header: { "If-Match"?: string } = {}): Promise<Account> {
  const [kind, a = "", b = ""] = id.split("/");
  const change = { body: (body ?? {}) as never };
  switch (kind) {
    case "official": {
      const params = { path: { app_id: a } };
      if (method === "GET") return data(api.GET("/accounts/official/{app_id}", { params }));
      if (method === "PATCH") return data(api.PATCH("/accounts/official/{app_id}", { params: { ...params, header }, ...change }));
      if (method === "CHECK") return data(api.POST("/accounts/official/{app_id}/check", { params }));
      return data(api.DELETE("/accounts/official/{app_id}", { params })) as never;
    }
    case "mini": {
      const params = { path: { app_id: a } };
      if (method === "GET") return data(api.GET("/accounts/mini/{app_id}", { params }));
      if (method === "PATCH") return data(api.PATCH("/accounts/mini/{app_id}", { params: { ...params, header }, ...change }));
      if (method === "CHECK") return data(api.POST("/accounts/mini/{app_id}/check", { params }));
      return data(api.DELETE("/accounts/mini/{app_id}", { params })) as never;
    }
    case "wecom": {
      const params = { path: { corp_id: a, agent_id: Number(b) } };
      if (method === "GET") return data(api.GET("/accounts/wecom/{corp_id}/{agent_id}", { params }));
      if (method === "PATCH") return data(api.PATCH("/accounts/wecom/{corp_id}/{agent_id}", { params: { ...params, header }, ...change }));
      if (method === "CHECK") return data(api.POST("/accounts/wecom/{corp_id}/{agent_id}/check", { params }));
      return data(api.DELETE("/accounts/wecom/{corp_id}/{agent_id}", { params })) as never;
    }
    default: {
      const params = { path: { sign_name: id.slice(id.indexOf("/") + 1) } };
      if (method === "GET") return data(api.GET("/accounts/sms/{sign_name}", { params }));
      if (method === "PATCH") return data(api.PATCH("/accounts/sms/{sign_name}", { params: { ...params, header }, ...change }));
      if (method === "CHECK") return data(api.POST("/accounts/sms/{sign_name}/check", { params }));
      return data(api.DELETE("/accounts/sms/{sign_name}", { params })) as never;
    }
  }
}
