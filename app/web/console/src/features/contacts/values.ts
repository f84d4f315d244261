import type { Schema } from "@koi/shared";

export type Entry = string | number | boolean | null | undefined;

type Person = Pick<Schema<"Contact">, "values">;
type Field = Pick<Schema<"Field">, "key">;

/** What a field of somebody is now, as a form takes it; undefined where nothing is known. */
export function shown(f: Field, p: Person): Entry {
  return p.values.find((v) => v.key === f.key)?.value as Entry;
}

/**
 * What somebody entered that differs from what their form began with, and what they saw there last: that is
 * more, once they were told what somebody else changed meanwhile. An empty entry clears.
 */
export function changes(fields: Field[], began: Person, saw: Person, entered: Record<string, Entry>): { values: Record<string, Entry>; was: Record<string, Entry> } {
  const values: Record<string, Entry> = {};
  const was: Record<string, Entry> = {};
  for (const f of fields) {
    const typed = entered[f.key];
    const now = typeof typed === "string" ? typed.trim() || null : (typed ?? null);
    if (now !== (shown(f, began) ?? null)) {
      values[f.key] = now;
      was[f.key] = shown(f, saw) ?? null;
    }
  }
  return { values, was };
}

/** Fields by their group, who somebody is first. */
export function groups<F extends { key: string; group?: string }>(fields: F[]): [name: string, fields: F[]][] {
  const by = new Map<string, F[]>();
  for (const f of fields) by.set(f.group || "其他", [...(by.get(f.group || "其他") ?? []), f]);
  const first = (list: F[]) => list.some((f) => f.key === "name");
  for (const list of by.values()) list.sort((a, b) => Number(b.key === "name") - Number(a.key === "name"));
  return [...by].sort(([, a], [, b]) => Number(first(b)) - Number(first(a)));
}
