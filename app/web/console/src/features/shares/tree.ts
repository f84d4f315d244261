import type { Schema } from "@koi/shared";

export type ShareNode = Schema<"ShareNode">;

/** A line of a chain: somebody, and where they hang. */
export interface Row {
  node: ShareNode;
  /** Of each level above whether its branch goes on below this line; then this one's own. */
  rails: boolean[];
  last: boolean;
}

/** The lines of a tree from the top down, every child below whom it came through. Closed ones hide who is below. */
export function rowsOf(children: ShareNode[], closed: ReadonlySet<string> = new Set(), rails: boolean[] = []): Row[] {
  return children.flatMap((node, i) => {
    const last = i === children.length - 1;
    const row: Row = { node, rails, last };
    return closed.has(node.credit_id) ? [row] : [row, ...rowsOf(node.children, closed, [...rails, !last])];
  });
}

/** How many came through somebody, at any distance, and how many of them count. */
export function below(node: { children: ShareNode[] }): { all: number; counted: number } {
  let all = 0;
  let counted = 0;
  for (const c of node.children) {
    const b = below(c);
    all += 1 + b.all;
    counted += (c.counted ? 1 : 0) + b.counted;
  }
  return { all, counted };
}

export interface Level {
  depth: number;
  all: number;
  counted: number;
}

/** How many came at each distance from whom it began with. */
export function levelsOf(children: ShareNode[]): Level[] {
  const out: Level[] = [];
  const walk = (nodes: ShareNode[]) => {
    for (const n of nodes) {
      // Whoever shared first and opened it themselves is at no distance.
      if (n.depth > 0) {
        const l = (out[n.depth - 1] ??= { depth: n.depth, all: 0, counted: 0 });
        l.all++;
        if (n.counted) l.counted++;
      }
      walk(n.children);
    }
  };
  walk(children);
  return out.filter(Boolean);
}

/** Who somebody in a chain is, as far as the viewer may know. */
export function nameOf(s: Schema<"Sharer"> | undefined): string {
  if (s?.staff) return s.staff.name || s.staff.user_id;
  if (s?.contact) return personName(s.contact);
  return "来源未知";
}

export function personName(c: Schema<"ShareContact">): string {
  if (c.hidden) return "不在您的客户范围";
  return c.name || (c.id ? `访客 ${c.id}` : "匿名访客");
}
