import { ApiError } from "@koi/shared";
import { useState } from "react";

/**
 * The version of a thing that an editor sees. A change says it (headers), and is refused once somebody else
 * was faster; then overtaken tells what the other one did, and a second save is a deliberate one. What was
 * typed stays in the form. fields are what the form edits, in words; read gets the thing as it is now.
 */
export function useSeen<T extends object>(thing: T | undefined, read: () => Promise<T>, fields: [label: string, text: (t: T) => string | undefined][]) {
  const [seen, setSeen] = useState(thing);
  return {
    seen,
    header: seen && "rev" in seen && seen.rev ? { "If-Match": `"${String(seen.rev)}"` } : {},
    async overtaken(e: unknown): Promise<string | undefined> {
      if (!(e instanceof ApiError) || e.status !== 412 || !seen) return undefined;
      const now = await read().catch(() => undefined);
      if (!now) return e.message;
      setSeen(now);
      return `${e.message}。${differences(fields, seen, now)}再点一次「保存」，您改过的几项就用您填的。`;
    },
  };
}

/** What somebody else changed meanwhile, as a sentence. */
export function differences<T>(fields: [label: string, text: (t: T) => string | undefined][], was: T, now: T): string {
  const changed = fields.filter(([, text]) => (text(was) ?? "") !== (text(now) ?? ""));
  if (changed.length === 0) return "改的是密码、密钥等不显示的内容。";
  return `${changed.map(([label, text]) => `${label}现在是「${text(now) || "空"}」`).join("，")}。`;
}
