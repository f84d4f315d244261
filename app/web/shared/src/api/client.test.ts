import { afterEach, expect, test, vi } from "vitest";
import { api, ApiError, data, onSessionLost, setToken } from "./client";

// The client takes the browser's fetch as it is loaded, and addresses without a host, as pages do.
const fetched = vi.hoisted(() => {
  const Whole = globalThis.Request;
  globalThis.Request = class extends Whole {
    constructor(input: string | URL | Request, init?: RequestInit) {
      super(typeof input === "string" ? new URL(input, "http://koi.test") : input, init);
    }
  };
  const fetched = vi.fn<(r: Request) => Promise<Response>>();
  globalThis.fetch = fetched as never;
  return fetched;
});

function answer(status: number, body?: unknown, headers: Record<string, string> = {}): void {
  fetched.mockImplementation(async () => new Response(body === undefined ? "gateway" : JSON.stringify(body), { status, headers: { "Content-Type": "application/json", ...headers } }));
}

afterEach(() => {
  fetched.mockReset();
  setToken(undefined);
});

test("a failure tells the server's sentence, its problems by place, and the request to quote", async () => {
  answer(422, { detail: "有两处不对", problems: [{ path: "name", message: "不能为空" }] }, { "X-Request-Id": "r-7" });
  const e = (await data(api.GET("/tags")).catch((x: unknown) => x)) as ApiError;
  expect(e).toBeInstanceOf(ApiError);
  expect([e.status, e.message, e.request, e.offline]).toEqual([422, "有两处不对", "r-7", false]);
  expect(e.problems).toEqual([{ path: "name", message: "不能为空" }]);
});

test("an answer that is no JSON still says what to do", async () => {
  answer(502);
  await expect(data(api.GET("/tags"))).rejects.toThrow("服务器回答了 502");
});

test("nobody answering is told as such, and may be tried again", async () => {
  fetched.mockRejectedValue(new TypeError("fetch failed"));
  await expect(data(api.GET("/tags"))).rejects.toMatchObject({ status: 0, offline: true });
});

test("an ended session is told once to who listens; a wrong password is not an ended session", async () => {
  const lost = vi.fn();
  const stop = onSessionLost(lost);
  answer(401, { detail: "登录已过期" });
  await expect(data(api.GET("/tags"))).rejects.toThrow("登录已过期");
  expect(lost).toHaveBeenCalledTimes(1);
  await expect(data(api.POST("/session", { body: { login: "a", password: "b" } }))).rejects.toThrow();
  expect(lost).toHaveBeenCalledTimes(1);
  stop();
  await expect(data(api.GET("/tags"))).rejects.toThrow();
  expect(lost).toHaveBeenCalledTimes(1);
});

test("changes carry the session's token, reading does not", async () => {
  setToken("t-1");
  answer(200, {});
  await api.GET("/tags");
  expect(fetched.mock.calls[0]![0].headers.get("X-CSRF-Token")).toBeNull();
  await api.DELETE("/session");
  expect(fetched.mock.calls[1]![0].headers.get("X-CSRF-Token")).toBe("t-1");
});
