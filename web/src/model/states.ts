/** Every state that something can be in, and the one tone that it has everywhere: text, badges, bars, graphs. */

export type Tone = "calm" | "run" | "wait" | "good" | "part" | "bad" | "no" | "doubt" | "mute";

const TONES: Readonly<Record<string, Tone>> = {
  // runs
  running: "run", parked: "wait", success: "good", partial: "part", failed: "bad", cancelled: "mute",
  // steps
  pending: "calm", awaiting_approval: "wait", calling: "run", waiting_retry: "part", in_doubt: "doubt", done: "good",
  denied: "no", skipped: "mute", superseded: "mute", refused: "no",
  // requests
  open: "wait", approved: "good", used: "good", amended: "part", "request-changes": "part", expired: "mute",
  lapsed: "mute", revoked: "no",
  // risk
  low: "good", medium: "wait", high: "bad",
  // what tools say of things
  met: "good", near: "part", missed: "bad", unmet: "bad", unknown: "calm", confirmed: "good", contradicted: "bad",
  qualified: "good", gaps: "part", "at risk": "bad", error: "bad", blocking: "bad", warning: "wait", filled: "good",
  "not known": "calm", allow: "good", allowed: "good", "needs review": "wait", block: "bad",
  asks: "wait", ok: "good", note: "calm", fault: "bad", broken: "bad", likely: "good", possible: "part", yes: "good",
  no: "bad", agreed: "good", differs: "part", unclear: "calm",
}; // prettier-ignore

export function toneOf(state: string): Tone {
  return TONES[state] ?? "calm";
}

/** Whether nothing more comes by itself: an ended or waiting run needs no clock. */
export function isEnded(status: string): boolean {
  return ["success", "partial", "failed", "cancelled"].includes(status);
}
