/** The one way to the server: JSON in, JSON out, and every refusal as a `Refused` that can explain itself. */

import type { Json } from "./read";

/** A refusal (RFC 9457). `mend` says what a person can do, `status` 0 means that the server was not reached. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
    readonly mend: string,
    readonly facts: Readonly<Record<string, Json>> = {},
  ) {
    super(detail);
    this.name = "Refused";
  }
}

type Query = Record<string, string | number | boolean | undefined>;

export interface Asking {
  readonly query?: Query;
  readonly body?: unknown;
  readonly key?: string; // Idempotency-Key
  readonly signal?: AbortSignal;
}

/** Asks who acts to prove who they are; says whether they did. */
type Proves = () => Promise<boolean>;
let proves: Proves | null = null;
let proving: Promise<boolean> | null = null;

/** Whom to ask for a proof; gives back how to stop asking. */
export function proveWith(asks: Proves): () => void {
  proves = asks;
  return () => void (proves = null);
}

async function isProved(): Promise<boolean> {
  if (!proves) return false;
  proving ??= proves().finally(() => (proving = null));
  return proving;
}

export async function ask(method: string, path: string, asking: Asking = {}): Promise<unknown> {
  const answer = await send(method, path, asking);
  if (answer.status === 204) return null;
  const body = await answer.text();
  return body === "" ? null : JSON.parse(body);
}

/** The answer as the bytes said it, for what must be shown exactly. */
export async function askText(path: string, signal?: AbortSignal): Promise<string> {
  return (await send("GET", path, signal ? { signal } : {})).text();
}

async function send(method: string, path: string, asking: Asking): Promise<Response> {
  try {
    return await sendOnce(method, path, asking);
  } catch (refused) {
    if (refused instanceof Refused && refused.code === "step_up_needed" && (await isProved())) return sendOnce(method, path, asking);
    throw refused;
  }
}

async function sendOnce(method: string, path: string, { query, body, key, signal }: Asking): Promise<Response> {
  const headers: Record<string, string> = { accept: "application/json" };
  if (key) headers["idempotency-key"] = key;
  const isForm = body instanceof FormData;
  if (body !== undefined && !isForm) headers["content-type"] = "application/json";
  let answer: Response;
  try {
    answer = await fetch(path + queryOf(query), {
      method,
      headers,
      credentials: "same-origin",
      ...(body === undefined ? {} : { body: isForm ? body : JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Refused(0, "unreachable", "", "");
  }
  if (!answer.ok) throw await refusal(answer);
  return answer;
}

export function queryOf(query: Query | undefined): string {
  const kept = Object.entries(query ?? {}).filter(([, value]) => value !== undefined && value !== "" && value !== false);
  if (!kept.length) return "";
  return "?" + new URLSearchParams(kept.map(([name, value]) => [name, value === true ? "1" : String(value)])).toString();
}

/** What people read: the detail, which of something that is not there may be its bare name and then says nothing alone. */
function sentenceOf(status: number, title: string, detail: string): string {
  return status === 404 && title && detail ? `${title.replace(/\.$/, "")}: ${detail}` : detail || title;
}

async function refusal(answer: Response): Promise<Refused> {
  try {
    const said = (await answer.json()) as Record<string, Json>;
    return new Refused(
      answer.status,
      typeof said.code === "string" ? said.code : "",
      sentenceOf(answer.status, typeof said.title === "string" ? said.title : "", typeof said.detail === "string" ? said.detail : "") || answer.statusText,
      typeof said.mend === "string" ? said.mend : "",
      (said.facts ?? {}) as Record<string, Json>,
    );
  } catch {
    return new Refused(answer.status, "", answer.statusText || `HTTP ${answer.status}`, "");
  }
}
