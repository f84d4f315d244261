const kinds: Record<string, string> = { user: "", key: "密钥 ", cli: "命令行 " };

/** Who did something, as histories name them ("user:anna", "key:订单系统", "cli:root"), for people to read. */
export function actor(by: string): string {
  const [, kind = "", name = ""] = /^(user|key|cli)(?::(.*))?$/s.exec(by) ?? [];
  return kind ? (kinds[kind] + name).trim() : by;
}
