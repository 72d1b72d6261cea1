/** What the server tells by itself: a trace as it grows, and hints about the house. Both come back after a lost line. */

import { number, shape, text, raw, type Json } from "./read";
import { traceEvent, type TraceEvent } from "./shapes";

export type Line = "connecting" | "open" | "lost" | "ended";

const frame = shape({ kind: text, position: number, event: raw, status: text, runId: text, approvalId: text });

export interface Following {
  readonly events: (events: readonly TraceEvent[]) => void;
  readonly other: (kind: string, frame: Json) => void;
  readonly resync: () => void;
  readonly line: (line: Line) => void;
}

const SLOWEST_MS = 8_000;

/** Follow a trace after a position. Events are handed on in batches, one a frame of the screen. Call the result to stop. */
export function followTrace(traceId: string, after: number, to: Following): () => void {
  let position = after;
  let waiting: TraceEvent[] = [];
  let drawn = 0;
  let ended = false;

  const hand = () => {
    drawn = 0;
    const events = waiting;
    waiting = [];
    if (events.length) to.events(events);
  };
  const stop = connect(
    () => `/ws/traces/${encodeURIComponent(traceId)}?after=${position}`,
    (said) => {
      const read = frame(said);
      switch (read.kind) {
        case "event": {
          const event = traceEvent(read.event ?? said);
          if (event.seq <= position) return;
          position = event.seq;
          waiting.push(event);
          drawn ||= requestAnimationFrame(hand);
          return;
        }
        case "end":
          ended = true;
          hand();
          to.other("end", said);
          return to.line("ended");
        case "resync":
          return to.resync();
        default:
          return to.other(read.kind, said);
      }
    },
    to.line,
    () => ended,
  );
  return () => {
    cancelAnimationFrame(drawn);
    stop();
  };
}

/** Hear hints that something of the house has changed: `inbox`, `run`, `house`. */
export function followHouse(hear: (kind: string, frame: Json) => void, line: (line: Line) => void): () => void {
  return connect(
    () => "/ws/house",
    (said) => hear(frame(said).kind, said),
    line,
    () => false,
  );
}

function connect(path: () => string, hear: (said: Json) => void, line: (line: Line) => void, isOver: () => boolean): () => void {
  let socket: WebSocket | null = null;
  let timer = 0;
  let delay = 400;
  let stopped = false;

  const open = () => {
    line("connecting");
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    socket = new WebSocket(`${scheme}://${location.host}${path()}`);
    socket.onopen = () => {
      delay = 400;
      line("open");
    };
    socket.onmessage = (message) => hear(JSON.parse(String(message.data)) as Json);
    socket.onclose = () => {
      if (stopped || isOver()) return;
      line("lost");
      timer = window.setTimeout(open, delay);
      delay = Math.min(delay * 2, SLOWEST_MS);
    };
  };
  open();
  return () => {
    stopped = true;
    clearTimeout(timer);
    socket?.close();
  };
}
