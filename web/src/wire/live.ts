/** What the server tells by itself: a trace as it grows, and hints about the house. Both come back after a lost line. */

import { number, shape, text, raw, type Json } from "./read";
import { traceEvent, type TraceEvent } from "./shapes";

export type Line = "connecting" | "open" | "lost" | "ended";

const frame = shape({ kind: text, position: number, event: raw });

export interface Following {
  readonly events: (events: readonly TraceEvent[]) => void;
  readonly other: (kind: string, frame: Json) => void;
  readonly line: (line: Line) => void;
  /** Reads what the line no longer holds; without it a gap is left to whoever asks anew. */
  readonly missed?: (after: number) => Promise<readonly TraceEvent[]>;
}

const SLOWEST_MS = 8_000;
const ENDED = 1000;

/** Follow a trace after a position. Events are handed on in batches, one a frame of the screen. Call the result to stop. */
export function followTrace(traceId: string, after: number, to: Following): () => void {
  let position = after;
  let waiting: TraceEvent[] = [];
  let drawn = 0;
  let ended = false;
  let stopped = false;
  let reading = false;
  let kept: TraceEvent[] = []; // what comes while a gap is read

  const hand = () => {
    drawn = 0;
    const events = waiting;
    waiting = [];
    if (events.length) to.events(events);
  };
  const take = (event: TraceEvent) => {
    if (event.seq <= position) return;
    if (reading) return void kept.push(event);
    position = event.seq;
    waiting.push(event);
    drawn ||= requestAnimationFrame(hand);
  };
  const readGap = async () => {
    if (!to.missed || reading) return;
    reading = true;
    try {
      const missed = await to.missed(position);
      reading = false;
      if (!stopped) [...missed, ...kept].forEach(take);
    } catch {
      reading = false; // the next resync or the next line reads it
    }
    kept = [];
  };
  const stop = connect(
    () => `/ws/traces/${encodeURIComponent(traceId)}?after=${position}&everything=1&batch=1`,
    (said) => {
      const read = frame(said);
      switch (read.kind) {
        case "event":
          return take(traceEvent(read.event));
        case "end":
          ended = true;
          to.other("end", said);
          return to.line("ended");
        case "resync":
          return void readGap();
        default:
          return to.other(read.kind, said);
      }
    },
    to.line,
    () => ended,
  );
  return () => {
    stopped = true;
    cancelAnimationFrame(drawn);
    stop();
  };
}

/** Hear hints that something of the house has changed: `inbox`, `run`, `house`. */
export function followHouse(hear: (kind: string, frame: Json) => void, line: (line: Line) => void): () => void {
  return connect(
    () => "/ws/house?batch=1",
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
    socket.onmessage = (message) => {
      const said = JSON.parse(String(message.data)) as Json;
      for (const one of Array.isArray(said) ? said : [said]) hear(one);
    };
    socket.onclose = ({ code }) => {
      if (stopped || isOver()) return;
      if (code === ENDED) return line("ended"); // there is no more, also for who comes after the end
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
