import { Background, Controls, Handle, MarkerType, MiniMap, type Node, type NodeProps, Position, ReactFlow, type Edge } from "@xyflow/react";
import "@xyflow/react/dist/style.css";
import { count } from "@koi/shared";
import { memo, useLayoutEffect, useMemo, useRef, useState } from "react";
import { color } from "../../theme";
import "./flow.css";
import { type Card, figures, type Way } from "./graph";
import { cardWidth, heightOf, layout } from "./layout";

const groups: Record<string, string> = { trigger: color.koi, branch: color.warn, action: color.accent };
const figureTones: Record<string, string> = { open: color.accent, done: color.good, failed: color.bad, blocked: color.warn };
const wayTones: Record<Way["tone"], string> = { plain: "#98a2b3", good: color.good, warn: color.warn, bad: color.bad, quiet: "#98a2b3" };

type StepNode = Node<{ card: Card; chosen: boolean }, "step">;

/** One step: what it is, what it does, how many came and what became of them. */
const StepCard = memo(function StepCard({ data: { card, chosen } }: NodeProps<StepNode>) {
  const { step, note, warnings } = card;
  return (
    <div className={chosen ? "step chosen" : "step"}>
      <Handle type="target" position={Position.Top} isConnectable={false} />
      <div className="step-head">
        <i aria-hidden style={{ background: groups[step.group ?? ""] ?? color.quiet }} />
        {step.label}
        {note && <span className="step-note">{note}</span>}
      </div>
      {step.summary !== step.label && (
        <div className="step-say" title={step.summary}>
          {step.summary}
        </div>
      )}
      {warnings.length > 0 && (
        <div className="step-warn" title={warnings.join("\n")}>
          ⚠ {warnings[0]}
        </div>
      )}
      <div className="step-figures num">
        {figures(step.counts).map((f) => (
          <span key={f.key}>
            <b style={f.n > 0 ? { color: figureTones[f.key] } : { color: color.quiet, fontWeight: 400 }}>{count(f.n)}</b>
            {f.label}
          </span>
        ))}
      </div>
      <Handle type="source" position={Position.Bottom} isConnectable={false} />
    </div>
  );
});

/** What is seen at first: all of it where that can be read, else the beginning. */
function opening(width: number, height: number, nodes: { position: { x: number; y: number }; height?: number }[]) {
  const right = Math.max(cardWidth, ...nodes.map((n) => n.position.x + cardWidth)) + 16;
  const bottom = Math.max(1, ...nodes.map((n) => n.position.y + (n.height ?? 0))) + 16;
  const zoom = Math.min(1, Math.max(0.85, Math.min(width / right, height / bottom)));
  const start = nodes.find((n) => n.position.y <= 24);
  const x = right * zoom <= width ? (width - right * zoom) / 2 : Math.min(0, width / 2 - ((start?.position.x ?? 0) + cardWidth / 2) * zoom);
  return { x, y: bottom * zoom <= height ? (height - bottom * zoom) / 2 : 0, zoom };
}

const nodeTypes = { step: StepCard };

/** The graph of a journey, to be read: laid out by itself, steps can be chosen and nothing moved. */
export default function Flow({ cards, ways, chosen, onChoose }: { cards: Card[]; ways: Way[]; chosen: string; onChoose(step: string): void }) {
  // Counts change every second; where things stand does not.
  const shape = JSON.stringify([cards.map((c) => [c.step.id, c.step.summary, c.warnings.length > 0]), ways.map((w) => w.id)]);
  const places = useMemo(
    () => layout(cards.map((c) => ({ id: c.step.id, height: heightOf(c.step.summary, c.warnings.length > 0) })), ways),
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the shape says when
    [shape],
  );
  const nodes: StepNode[] = cards.map((card) => ({
    id: card.step.id,
    type: "step",
    position: places.get(card.step.id) ?? { x: 0, y: 0 },
    width: cardWidth,
    height: heightOf(card.step.summary, card.warnings.length > 0),
    data: { card, chosen: card.step.id === chosen },
    ariaLabel: `步骤：${card.step.label}，${card.step.summary}`,
  }));
  const edges: Edge[] = ways.map((w) => ({
    id: w.id,
    source: w.from,
    target: w.to,
    type: "smoothstep",
    label: w.label || undefined,
    labelStyle: { fill: wayTones[w.tone], fontWeight: 500 },
    labelBgStyle: { fill: "#fff" },
    labelBgPadding: [6, 3],
    labelBgBorderRadius: 4,
    style: { stroke: wayTones[w.tone], strokeWidth: 1.5, strokeDasharray: w.tone === "plain" || w.tone === "good" ? undefined : "5 4" },
    markerEnd: { type: MarkerType.ArrowClosed, color: wayTones[w.tone], width: 16, height: 16 },
    focusable: false,
  }));
  const [view, setView] = useState<{ x: number; y: number; zoom: number }>();
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    if (box.current) setView(opening(box.current.clientWidth, box.current.clientHeight, nodes));
    // eslint-disable-next-line react-hooks/exhaustive-deps -- where one has moved to since is one's own matter
  }, [shape]);
  return (
    <div ref={box} className="flow" style={{ height: "100%" }} role="group" aria-label="旅程图">
      {view && (
      <ReactFlow
        key={shape}
        nodes={nodes}
        edges={edges}
        nodeTypes={nodeTypes}
        nodesDraggable={false}
        nodesConnectable={false}
        elementsSelectable
        defaultViewport={view}
        minZoom={0.2}
        maxZoom={1.5}
        onNodeClick={(_, n) => onChoose(n.id)}
        onNodesChange={(changes) => {
          // Enter on a step selects it.
          for (const c of changes) if (c.type === "select" && c.selected) onChoose(c.id);
        }}
        onPaneClick={() => onChoose("")}
        ariaLabelConfig={{ "controls.zoomIn.ariaLabel": "放大", "controls.zoomOut.ariaLabel": "缩小", "controls.fitView.ariaLabel": "看全部", "controls.ariaLabel": "缩放", "minimap.ariaLabel": "缩略图" }}
      >
        <Background gap={16} color="#dfe3ea" />
        <Controls showInteractive={false} />
        <MiniMap pannable zoomable nodeColor={(n) => groups[(n as StepNode).data.card.step.group ?? ""] ?? "#b8c1d1"} style={{ width: 152, height: 104 }} />
      </ReactFlow>
      )}
    </div>
  );
}
