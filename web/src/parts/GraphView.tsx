/** Steps and what they wait for, laid out from left to right; from top to bottom where it is narrow. */

import { useMemo } from "react";
import dagre from "@dagrejs/dagre";
import { Background, Controls, Handle, Position, ReactFlow, type Edge, type Node, type NodeProps } from "@xyflow/react";
import "@xyflow/react/dist/base.css";
import { title } from "../model/format";
import type { Graph, Node as Step } from "../model/graph";
import { toneOf } from "../model/states";
import { t } from "../words/en";

const WIDTH = 216;
const HEIGHT = 62;

type StepNode = Node<{ step: Step; down: boolean; onStep: (id: string) => void }, "step">;

function StepBox({ data: { step, down, onStep } }: NodeProps<StepNode>) {
  return (
    <>
      <Handle type="target" position={down ? Position.Top : Position.Left} style={{ opacity: 0 }} />
      <button type="button" className={`flow-node tone-${toneOf(step.state)} nodrag`} onClick={() => onStep(step.id)}>
        <span className="strong cut">{title(step.label)}</span>
        <span className="tiny dim cut">
          {t.states[step.state] ?? step.state} · {t.effects[step.sideEffect] ?? step.sideEffect}
        </span>
      </button>
      <Handle type="source" position={down ? Position.Bottom : Position.Right} style={{ opacity: 0 }} />
    </>
  );
}

const KINDS = { step: StepBox };

export default function GraphView({ graph, onStep }: { readonly graph: Graph; readonly onStep: (id: string) => void }) {
  const down = matchMedia("(max-width: 48rem)").matches;
  const { nodes, edges } = useMemo(() => laidOut(graph, down, onStep), [graph, down, onStep]);
  return (
    <div className="flow" role="group" aria-label={t.run.graph}>
      <ReactFlow nodes={nodes} edges={edges} nodeTypes={KINDS} fitView fitViewOptions={{ padding: 0.15, maxZoom: 1 }} minZoom={0.3} nodesDraggable={false} nodesConnectable={false} nodesFocusable={false} edgesFocusable={false} preventScrolling={false} proOptions={{ hideAttribution: true }}>
        <Background color="var(--line)" gap={18} />
        <Controls showInteractive={false} />
      </ReactFlow>
    </div>
  );
}

function laidOut(graph: Graph, down: boolean, onStep: (id: string) => void): { nodes: StepNode[]; edges: Edge[] } {
  const plan = new dagre.graphlib.Graph();
  plan.setGraph({ rankdir: down ? "TB" : "LR", nodesep: 22, ranksep: 56 });
  plan.setDefaultEdgeLabel(() => ({}));
  for (const node of graph.nodes) plan.setNode(node.id, { width: WIDTH, height: HEIGHT });
  for (const edge of graph.edges) plan.setEdge(edge.from, edge.to);
  dagre.layout(plan);
  return {
    nodes: graph.nodes.map((step) => {
      const at = plan.node(step.id) as { x: number; y: number };
      return { id: step.id, type: "step", position: { x: at.x - WIDTH / 2, y: at.y - HEIGHT / 2 }, data: { step, down, onStep } };
    }),
    edges: graph.edges.map(({ from, to }) => ({ id: `${from}>${to}`, source: from, target: to, style: { stroke: "var(--line-strong)" } })),
  };
}
