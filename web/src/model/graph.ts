/** A plan as nodes and edges; laying them out is the graph view's. */

export interface Node {
  readonly id: string;
  readonly label: string;
  readonly domain: string;
  readonly sideEffect: string;
  readonly state: string;
}

export interface Graph {
  readonly nodes: readonly Node[];
  readonly edges: readonly { readonly from: string; readonly to: string }[];
}

interface Step {
  readonly tool: string;
  readonly domain: string;
  readonly sideEffect: string;
  readonly dependsOn: readonly string[];
}

/** Steps of a run or of a plan; an edge to a step that is not there is left out. */
export function graphOf<S extends Step>(steps: readonly S[], idOf: (step: S) => string, stateOf: (step: S) => string): Graph {
  const known = new Set(steps.map(idOf));
  return {
    nodes: steps.map((step) => ({ id: idOf(step), label: step.tool, domain: step.domain, sideEffect: step.sideEffect, state: stateOf(step) })),
    edges: steps.flatMap((step) => step.dependsOn.filter((from) => known.has(from)).map((from) => ({ from, to: idOf(step) }))),
  };
}
