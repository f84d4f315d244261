import dagre from "@dagrejs/dagre";
import type { Way } from "./graph";

export const cardWidth = 248;

/** How tall a card is: its head, a summary of up to two lines, the figures, and what is said of it. */
export function heightOf(summary: string, warned: boolean): number {
  return 36 + (summary.length > 17 ? 44 : 22) + 52 + (warned ? 26 : 0) + 16;
}

/** Where every card goes, from the top down; the upper left corner of each. Lines that lead back are allowed. */
export function layout(cards: { id: string; height: number }[], ways: Pick<Way, "from" | "to" | "label">[]): Map<string, { x: number; y: number }> {
  const g = new dagre.graphlib.Graph({ multigraph: true });
  g.setGraph({ rankdir: "TB", nodesep: 48, ranksep: 56, marginx: 16, marginy: 16 });
  g.setDefaultEdgeLabel(() => ({}));
  for (const c of cards) g.setNode(c.id, { width: cardWidth, height: c.height });
  ways.forEach((w, i) => g.setEdge(w.from, w.to, w.label ? { width: 16 + w.label.length * 13, height: 22, labelpos: "c" } : {}, String(i)));
  dagre.layout(g);
  return new Map(
    cards.map((c) => {
      const at = g.node(c.id) as { x: number; y: number };
      return [c.id, { x: at.x - cardWidth / 2, y: at.y - c.height / 2 }];
    }),
  );
}
