/** What the server says, as the page knows it. One shape per value; `docs/reference/http.md` describes the wire. */

import { date, flag, list, maybe, number, orElse, page, raw, shape, table, text, type Of } from "./read";

export const me = shape({
  user: text,
  roles: list(text),
  isSolo: flag,
  tenant: text,
  can: list(text),
  needsStepUp: flag,
  way: text,
  hasPassword: flag,
});
export type Me = Of<typeof me>;

export const ways = shape({ solo: flag, password: flag, oidc: flag });
export type Ways = Of<typeof ways>;

export const usage = shape({ scope: text, used: number, limit: maybe(number), raised: number });
export type Usage = Of<typeof usage>;

export const budget = shape({
  total: usage,
  cost: usage,
  tokens: usage,
  byDomain: table(usage),
  byTool: table(usage),
});
export type Budget = Of<typeof budget>;

export const vote = shape({
  by: text,
  at: date,
  verdict: text,
  reason: text,
  onBehalfOf: text,
  rule: text,
  solo: flag,
});

export const card = shape({
  approvalId: text,
  runId: text,
  traceId: text,
  goal: text,
  profile: text,
  step: text,
  name: text,
  tool: text,
  toolDigest: text,
  domain: text,
  sideEffect: text,
  adapters: table(text),
  arguments: raw,
  argumentsDigest: text,
  digest: text,
  effect: text,
  reason: text,
  consequences: list(text),
  risk: text,
  cost: number,
  requesters: list(text),
  roles: list(text),
  quorum: orElse(number, 1),
  votes: list(vote),
  requestedAt: date,
  expiresAt: date,
  calls: list(text), // of a list: the steps whose arguments `arguments` holds, in this order
  amends: text,
  amendedBy: text,
  state: text,
  closedAt: maybe(date),
  closedBy: text,
  closedWhy: text,
  lapsesAt: maybe(date),
  usedAt: maybe(date),
});
export type Card = Of<typeof card>;

export const change = shape({ name: text, was: text, becomes: text });
export type Change = Of<typeof change>;

/** A request, and what holds now for whoever looks at it. */
export const cardNow = shape({
  card,
  mayDecide: flag,
  why: list(text),
  onBehalfOf: text,
  whoCan: list(text),
  asksForProof: flag,
  hidden: number,
  mixed: list(text),
  changes: list(change),
  edits: list(change),
});
export type CardNow = Of<typeof cardNow>;

export const blob = shape({ digest: text, size: number, kept: flag });

export const stepResult = shape({
  step: text,
  tool: text,
  name: text,
  domain: text,
  sideEffect: text,
  state: text,
  purpose: text,
  reason: text,
  required: flag,
  dependsOn: list(text),
  attempts: number,
  cost: number,
  durationUs: number,
  simulated: flag,
  pool: text,
  reduced: table(text),
  approval: text,
  approvedBy: text,
  providerReference: text,
  note: text,
  output: raw,
  blob: maybe(blob),
  listOf: text, // the list that this is a call of
  calls: list(text), // those of a list that has been opened
});
export type StepResult = Of<typeof stepResult>;

export const evidence = shape({
  step: text,
  tool: text,
  record: text,
  field: text,
  value: text,
  date: text,
  source: text,
});
export type Evidence = Of<typeof evidence>;

export const noted = shape({ step: text, tool: text, text: text });

export const runResult = shape({
  runId: text,
  traceId: text,
  status: text,
  reason: text,
  next: list(text),
  goal: text,
  profile: text,
  requester: text,
  startedAt: date,
  endedAt: maybe(date),
  durationUs: number,
  calls: number,
  cost: number,
  tokens: number,
  steps: list(stepResult),
  why: list(text),
  notes: list(text),
  questions: list(text),
  options: list(text),
  evidence: list(evidence),
  unknowns: list(noted),
  artefacts: list(noted),
  approvals: list(card),
});
export type RunResult = Of<typeof runResult>;

export const runLine = shape({
  runId: text,
  traceId: text,
  status: text,
  goal: text,
  profile: text,
  requester: text,
  startedAt: date,
  updatedAt: date,
  endedAt: maybe(date),
  steps: number,
  done: number,
  cost: number,
  calls: number,
  reason: text,
  waitsFor: text,
  needs: list(text),
  wakeAt: maybe(date),
  planOnly: flag,
});
export type RunLine = Of<typeof runLine>;
export const runs = page(runLine);

export const planStep = shape({
  stepId: text,
  tool: text,
  domain: text,
  sideEffect: text,
  cost: number,
  input: raw,
  dependsOn: list(text),
  when: maybe(shape({ expr: text })),
  required: orElse(flag, true),
  askFirst: flag,
  name: text,
  reason: text,
});
export type PlanStep = Of<typeof planStep>;

export const plan = shape({
  planId: text,
  goal: text,
  number: number,
  planner: text,
  steps: list(planStep),
  why: list(text),
  notes: list(text),
});
export type Plan = Of<typeof plan>;

export const stepForecast = shape({
  step: text,
  tool: text,
  domain: text,
  sideEffect: text,
  cost: number,
  consent: text,
  simulated: flag,
  conditional: flag,
  exceeds: text,
});

export const forecast = shape({
  calls: number,
  cost: number,
  steps: list(stepForecast),
  scopes: list(shape({ scope: text, used: number, limit: number, warns: flag })),
  approvals: list(text),
  atLimit: text,
});

export const planned = shape({
  runId: text,
  status: text,
  plan: maybe(plan),
  forecast: maybe(forecast),
  question: text,
  options: list(text),
  reason: text,
  mend: text,
});
export type Planned = Of<typeof planned>;

export const ready = shape({
  name: text,
  title: text,
  category: text,
  prompt: text,
  fields: table(text),
  tools: list(text),
  missing: list(text),
});
export type Ready = Of<typeof ready>;

export const traceEvent = shape({
  name: text,
  at: date,
  runId: text,
  seq: number,
  step: text,
  by: text,
  details: raw,
});
export type TraceEvent = Of<typeof traceEvent>;

export const trace = shape({ runId: text, traceId: text, events: list(traceEvent) });

export const delegation = shape({ delegationId: text, user: text, delegate: text, starts: date, ends: date });
export const standingRule = shape({
  ruleId: text,
  tool: text,
  matches: table(text),
  profile: text,
  expiresAt: date,
  uses: number,
  by: text,
});

export const house = shape({
  owner: text,
  halted: text,
  roles: table(list(text)),
  delegations: list(delegation),
  standingRules: list(standingRule),
  disabledAdapters: table(text),
  forbiddenTools: table(text),
  crmVersion: text,
  version: text,
  durability: text,
  isSample: flag,
  isSolo: flag,
  defaultProfile: text,
  data: table(number),
  model: shape({ isOn: flag, line: text }),
  waiting: number,
  running: number,
});
export type House = Of<typeof house>;

export const latency = shape({ p50: number, p95: number, p99: number, mean: number, most: number, count: number });

export const signals = shape({
  started: number,
  success: number,
  partial: number,
  failed: number,
  cancelled: number,
  planned: number,
  steps: number,
  totalEvents: number,
  latency,
  tools: table(shape({ calls: number, errors: number })),
  modes: table(number),
  approvals: shape({
    requested: number,
    decided: number,
    approved: number,
    denied: number,
    expired: number,
    byRule: number,
    total: number,
    average: number,
    p95: number,
  }),
  budget,
});
export type Signals = Of<typeof signals>;

export const adapter = shape({
  capability: text,
  adapter: text,
  installed: flag,
  absent: text,
  enabled: flag,
  chosen: flag,
  mode: text,
  canWrite: flag,
  reason: text,
  switchedBy: text,
  switchedAt: maybe(date),
});
export type Adapter = Of<typeof adapter>;

export const tool = shape({
  name: text,
  domain: text,
  sideEffect: text,
  purpose: text,
  cost: number,
  version: text,
  module: text,
  inputSchema: raw,
  slots: list(shape({ name: text, kind: text, required: orElse(flag, true), choices: list(text), purpose: text })),
  uses: list(text),
  optional: list(text),
  once: list(text),
  seconded: list(text),
  timeoutS: orElse(number, 30),
  guardrails: list(text),
  personal: list(text),
  repeatable: orElse(text, "none"),
});
export type Tool = Of<typeof tool>;

export const profile = shape({
  name: text,
  limits: shape({
    calls: number,
    callsPerDomain: table(number),
    callsPerTool: table(number),
    cost: orElse(number, 100_000_000),
    tokens: orElse(number, 100_000),
    warningPercent: orElse(number, 80),
    atLimit: orElse(text, "stop"),
  }),
  approvals: shape({
    readOnly: orElse(text, "none"),
    propose: orElse(text, "human"),
    execute: orElse(text, "human"),
    roles: list(text),
    quorum: orElse(number, 1),
    expiresS: orElse(number, 86_400),
    lapsesS: orElse(number, 3600),
  }),
  adapters: table(list(text)),
  anyAdapters: list(text),
  tools: list(text),
  forbiddenTools: list(text),
  maxParallel: orElse(number, 4),
  simulatesExecute: flag,
});
export type Profile = Of<typeof profile>;

export const problem = shape({
  kind: text,
  weight: text,
  file: text,
  line: number,
  column: text,
  value: text,
  did: text,
  mend: text,
});
export const fileReport = shape({
  file: text,
  kind: text,
  vendor: text,
  rows: number,
  stored: number,
  notStored: number,
  encoding: text,
  delimiter: text,
  columns: list(shape({ column: text, field: text, confidence: number, unit: text })),
});
export type FileReport = Of<typeof fileReport>;
export const importOutcome = shape({
  files: list(fileReport),
  groups: list(shape({ kind: text, weight: text, count: number, did: text, mend: text, first: list(problem) })),
  added: number,
  changed: number,
  unchanged: number,
});
export type ImportOutcome = Of<typeof importOutcome>;
