/** Steps as a list or as a graph; the graph's code is fetched when somebody wants to see it. */

import { lazy, Suspense, useState, type ReactNode } from "react";
import type { Graph } from "../model/graph";
import { t } from "../words/en";
import { Choices, Section } from "./basic";
import { Bones } from "./feedback";
import { Icon } from "./icons";

const GraphView = lazy(() => import("./GraphView"));

interface Props {
  readonly title: ReactNode;
  readonly graph: Graph;
  readonly children: ReactNode;
  readonly onStep?: (id: string) => void;
}

export function StepsView({ title, graph, children, onStep }: Props) {
  const [view, look] = useState<"list" | "graph">("list");
  return (
    <Section
      title={title}
      flush
      action={
        <Choices
          label={t.run.steps}
          value={view}
          onPick={look}
          options={[
            ["list", <span key="l" className="row gap1"><Icon name="runs" size={16} />{t.run.list}</span>],
            ["graph", <span key="g" className="row gap1"><Icon name="graph" size={16} />{t.run.graph}</span>],
          ]}
        />
      }
    >
      {view === "list" ? (
        children
      ) : (
        <Suspense fallback={<div className="inside flow"><Bones lines={4} /></div>}>
          <GraphView graph={graph} onStep={(id) => { look("list"); onStep?.(id); }} />
        </Suspense>
      )}
    </Section>
  );
}
