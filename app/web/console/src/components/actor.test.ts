import { expect, test } from "vitest";
import { actor } from "./actor";

test("who did something is called by name", () => {
  expect(actor("user:anna")).toBe("anna");
  expect(actor("user:client")).toBe("client");
  expect(actor("key:订单系统")).toBe("密钥 订单系统");
  expect(actor("cli")).toBe("命令行");
  expect(actor("cli:root")).toBe("命令行 root");
  expect(actor("system")).toBe("system");
});
