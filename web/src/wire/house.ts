/** Every question the page asks the server, by name. Answers come in the page's own shapes. */

import { ask, askText, queryOf } from "./http";
import { exactly } from "./exact";
import { list, maybe, number, page, raw, shape, table, text, date, flag, type Json, type Of } from "./read";
import * as s from "./shapes";

const at = encodeURIComponent;

// --- who ------------------------------------------------------------------------------------------------------------
export const me = async () => s.me(await ask("GET", "/api/me"));
export const ways = async () => s.ways(await ask("GET", "/api/login/ways"));
export const login = (user: string, password: string) => ask("POST", "/api/login", { body: { user, password } });
export const loginByLink = (token: string) => ask("POST", "/api/login/link", { body: { token } });
export const loginByInvitation = (token: string, password: string) => ask("POST", "/api/login/invitation", { body: { token, password } });
export const logout = () => ask("POST", "/api/logout");
export const stepUp = (password: string) => ask("POST", "/api/step-up", { body: { password } });
export const house = async () => s.house(await ask("GET", "/api/house"));

// --- runs -----------------------------------------------------------------------------------------------------------
const begun = shape({ runId: text });
export interface Start {
  readonly goal?: string;
  readonly profile?: string;
  readonly planned_in?: string;
}
export const startRun = async (start: Start, key: string) => begun(await ask("POST", "/api/runs", { body: start, key })).runId;
export const runs = async (query: { status?: string; q?: string; cursor?: string; limit?: number }) => s.runs(await ask("GET", "/api/runs", { query }));
export const run = async (id: string) => s.runResult(await ask("GET", `/api/runs/${at(id)}`));
export const planOf = async (id: string) => s.planned(await ask("GET", `/api/runs/${at(id)}/plan`));
export const budgetOf = async (id: string) => s.budget(await ask("GET", `/api/runs/${at(id)}/budget`));
export const cancelRun = (id: string, reason: string) => ask("POST", `/api/runs/${at(id)}/cancel`, { body: { reason } });
export const resumeRun = (id: string) => ask("POST", `/api/runs/${at(id)}/resume`, { body: {} });
/** `attempt` is the one that was shown: once another was made the answer is refused. */
export const resolveStep = (id: string, step: string, attempt: number, answer: string, reason: string) =>
  ask("POST", `/api/runs/${at(id)}/resolve`, { body: { step, answer, reason, attempt } });
export const topUp = (id: string, reason: string) => ask("POST", `/api/runs/${at(id)}/top-up`, { body: { reason } });
export const answerRun = (id: string, answer: string) => ask("POST", `/api/runs/${at(id)}/answer`, { body: { answer } });
export const exportLink = (id: string, format: string) => `/api/runs/${at(id)}/export?format=${format}`;
export const makePlan = async (goal: string, profile: string) => s.planned(await ask("POST", "/api/plans", { body: { goal, profile } }));
export const quick = async () => page(s.ready)(await ask("GET", "/api/quick")).items;
export const startQuick = async (name: string, fields: Record<string, string>, profile: string, planOnly: boolean, key: string) =>
  begun(await ask("POST", `/api/quick/${at(name)}`, { body: { fields, profile, plan_only: planOnly }, key })).runId;

// --- decisions ------------------------------------------------------------------------------------------------------
const cards = shape({ items: list(s.card), yours: list(text) });
/** A request that waits, and whether it waits for whoever looks. */
export interface Waiting extends s.Card {
  readonly isYours: boolean;
}
export const approvals = async (): Promise<readonly Waiting[]> => {
  const { items, yours } = cards(await ask("GET", "/api/approvals"));
  return items.map((card) => ({ ...card, isYours: yours.includes(card.approvalId) }));
};

/** A request with the very bytes of its arguments as the server sent them. */
export interface Shown {
  readonly now: s.CardNow;
  readonly bytes: string;
}
export async function approval(id: string): Promise<Shown> {
  const said = await askText(`/api/approvals/${at(id)}`);
  return { now: s.cardNow(JSON.parse(said)), bytes: exactly(said, ["card", "arguments"]) ?? "" };
}
export interface Decision {
  readonly verdict: "approve" | "deny" | "amend" | "request-changes";
  readonly digest: string;
  readonly reason?: string;
  readonly changes?: Record<string, Json>;
  readonly without?: readonly number[]; // calls of a list, by their numbers
}
export const decide = (id: string, decision: Decision) => ask("POST", `/api/approvals/${at(id)}`, { body: decision });
const bulkAnswer = shape({ approvalId: text, done: flag, code: text, detail: text });
export const decideMany = async (verdict: string, items: readonly { approval_id: string; digest: string }[], reason: string) =>
  page(bulkAnswer)(await ask("POST", "/api/approvals/bulk", { body: { verdict, items, reason } })).items;
export const revoke = (id: string, reason: string) => ask("POST", `/api/approvals/${at(id)}/revoke`, { body: { reason } });

// --- looking --------------------------------------------------------------------------------------------------------
export const trace = async (id: string, after = 0) => s.trace(await ask("GET", `/api/traces/${at(id)}`, { query: { after: after || undefined, everything: "true" } }));

export const act = shape({ number, at: date, by: text, kind: text, text: text, runId: text, step: text, approvalId: text, onBehalfOf: text, solo: flag });
export type Act = Of<typeof act>;
export const acts = async (query: { run_id?: string; user?: string; since?: string; cursor?: string; limit?: number }) => page(act)(await ask("GET", "/api/audit", { query }));
const fault = shape({ kind: text, stream: text, seq: number, detail: text, what: text, where: text });
export const verified = shape({ faults: list(fault), events: number, tookUs: number });
export type Verified = Of<typeof verified>;
export const verify = async () => verified(await ask("POST", "/api/audit/verify", { body: {} }));

const approverFigures = shape({ approver: text, decisions: number, approved: number, denied: number, other: number, approvePercent: number, medianS: number, under_3S: number, solo: number, forOthers: number });
const figures = shape({ requests: number, decidedByPeople: number, decidedByRules: table(number), expired: number, lapsed: number, revoked: number, open: number, medianS: maybe(number), under_3S: number, approvers: list(approverFigures) });
const overseen = shape({ since: date, until: date, runs: number, isWhole: flag, figures });
export type Overseen = Of<typeof overseen>;
export const oversight = async (query: { since: string; until: string }) => overseen(await ask("GET", "/api/oversight", { query }));
export const evidenceLink = (query: { run_id?: string; since?: string; until?: string; approver?: string }) => `/api/evidence${queryOf(query)}`;

const change = shape({ runId: text, step: text, tool: text, profile: text, requester: text, at: date, before: text, after: text, reason: text });
const rehearsed = shape({ runs: number, steps: number, changes: list(change), stopped: table(number), unread: number });
export type Rehearsed = Of<typeof rehearsed>;
export const backtest = async (registry: string, since: string) => rehearsed(await ask("POST", "/api/policy/backtest", { body: { registry, since } }));
export const shadow = async () => rehearsed(await ask("GET", "/api/policy/shadow"));
export const beginShadow = async (registry: string) => rehearsed(await ask("POST", "/api/policy/shadow", { body: { registry } }));
export const endShadow = () => ask("DELETE", "/api/policy/shadow");

export const signals = async (query: { since?: string; profile?: string }) => s.signals(await ask("GET", "/api/signals", { query }));
const bucket = shape({ at: date, signals: s.signals });
export type Bucket = Of<typeof bucket>;
export const series = async (query: { since: string; hours: number }) => page(bucket)(await ask("GET", "/api/signals/series", { query })).items;

export const profiles = async () => page(s.profile)(await ask("GET", "/api/profiles")).items;
export const tools = async () => page(s.tool)(await ask("GET", "/api/tools")).items;
const ruling = shape({ verdict: text, reasons: list(text), consent: text, cost: number, roles: list(text), quorum: number, adapters: table(text), simulated: flag, faults: list(text) });
export type Ruling = Of<typeof ruling>;
export const whatIf = async (tool: string, profile: string, input: Json) => ruling(await ask("POST", "/api/policy/what-if", { body: { tool, profile, ...(input === null ? {} : { input }) } }));

export const adapters = async () => page(s.adapter)(await ask("GET", "/api/adapters")).items;
export interface Switch {
  readonly adapter?: string;
  readonly enabled?: boolean;
  readonly mode?: string;
  readonly reason: string;
}
export const switchAdapter = (capability: string, change: Switch) => ask("POST", `/api/adapters/${at(capability)}`, { body: change });
const tried = shape({ capability: text, adapter: text, works: flag, said: text, tookUs: number });
export const testAdapter = async (name: string) => page(tried)(await ask("POST", `/api/adapters/${at(name)}/test`, { body: {} })).items;

// --- data -----------------------------------------------------------------------------------------------------------
export const records = async (kind: string, query: { q?: string; cursor?: string; limit?: number }) => page(raw)(await ask("GET", `/api/crm/${at(kind)}`, { query }));
export const record = async (kind: string, id: string) => raw(await ask("GET", `/api/crm/${at(kind)}/${at(id)}`));
export const importPreview = async (files: readonly File[], mapping?: Json) => s.importOutcome(await ask("POST", "/api/crm/import/preview", { body: form(files, mapping) }));
export const importFiles = async (files: readonly File[], mapping?: Json) => s.importOutcome(await ask("POST", "/api/crm/import", { body: form(files, mapping) }));
export const fillWithSample = () => ask("POST", "/api/crm/sample", { body: {} });
export const quality = async () => raw(await ask("GET", "/api/crm/quality"));

function form(files: readonly File[], mapping: Json | undefined): FormData {
  const data = new FormData();
  for (const file of files) data.append("files", file, file.name);
  if (mapping !== undefined) data.append("mapping", JSON.stringify(mapping));
  return data;
}

// --- people and the house ---------------------------------------------------------------------------------------------
export const person = shape({ user: text, roles: list(text), hasPassword: flag, seenAt: maybe(date), isOwner: flag });
export type Person = Of<typeof person>;
export const people = async () => page(person)(await ask("GET", "/api/users")).items;
const invited = shape({ user: text, link: text, expiresAt: date, mailedTo: text, notMailed: text });
export type Invited = Of<typeof invited>;
export const invite = async (user: string, roles: readonly string[], mailTo: string) => invited(await ask("POST", "/api/users", { body: { user, roles, mail_to: mailTo } }));
export const giveRoles = (user: string, roles: readonly string[]) => ask("POST", `/api/users/${at(user)}/roles`, { body: { roles } });
export const resetPerson = async (user: string) => invited(await ask("POST", `/api/users/${at(user)}/reset`, { body: {} }));
const left = shape({ user: text, handOverTo: text, approvals: number });
export const leave = async (user: string, handOverTo: string) => left(await ask("POST", `/api/users/${at(user)}/leave`, { body: { hand_over_to: handOverTo } }));
export const setPassword = (password: string, old: string) => ask("POST", "/api/me/password", { body: { password, old } });

export const apiKey = shape({ keyId: text, user: text, label: text, scopes: list(text), createdAt: date, expiresAt: date, seenAt: maybe(date) });
export type ApiKey = Of<typeof apiKey>;
const newKey = shape({ key: apiKey, text });
export const keys = async () => page(apiKey)(await ask("GET", "/api/keys")).items;
export const makeKey = async (label: string, scopes: readonly string[]) => newKey(await ask("POST", "/api/keys", { body: { label, scopes } }));
export const dropKey = (id: string) => ask("DELETE", `/api/keys/${at(id)}`);

export const delegations = async () => page(s.delegation)(await ask("GET", "/api/delegations")).items;
export const delegate = (to: string, starts: string, ends: string) => ask("POST", "/api/delegations", { body: { delegate: to, starts, ends } });
export const dropDelegation = (id: string) => ask("DELETE", `/api/delegations/${at(id)}`);
export const rules = async () => page(s.standingRule)(await ask("GET", "/api/rules")).items;
export const addRule = (body: Json) => ask("POST", "/api/rules", { body });
export const dropRule = (id: string) => ask("DELETE", `/api/rules/${at(id)}`);

export const halt = (reason: string) => ask("POST", "/api/halt", { body: { reason } });
export const liftHalt = () => ask("DELETE", "/api/halt");

export const notice = shape({ noticeId: text, channel: text, address: text, about: list(text) });
export type Notice = Of<typeof notice>;
const newNotice = shape({ noticeId: text, secret: text });
export const notices = async () => page(notice)(await ask("GET", "/api/notices")).items;
export const addNotice = async (channel: string, address: string, about: readonly string[]) => newNotice(await ask("POST", "/api/notices", { body: { channel, address, about } }));
export const testNotice = (id: string) => ask("POST", `/api/notices/${at(id)}/test`, { body: {} });
export const dropNotice = (id: string) => ask("DELETE", `/api/notices/${at(id)}`);

export const schedule = shape({ scheduleId: text, goal: text, profile: text, weekdays: list(number), time: text, zone: text });
export type Schedule = Of<typeof schedule>;
const calendar = shape({ items: list(schedule), paused: list(text) });
export const schedules = async () => {
  const { items, paused } = calendar(await ask("GET", "/api/schedules"));
  return items.map((one) => ({ ...one, isPaused: paused.includes(one.scheduleId) }));
};
export const addSchedule = (body: { goal: string; weekdays: readonly number[]; time: string; zone: string; profile: string }) => ask("POST", "/api/schedules", { body });
export const pauseSchedule = (id: string, paused: boolean) => ask("POST", `/api/schedules/${at(id)}/${paused ? "pause" : "resume"}`, { body: paused ? { reason: "" } : {} });
export const dropSchedule = (id: string) => ask("DELETE", `/api/schedules/${at(id)}`);
