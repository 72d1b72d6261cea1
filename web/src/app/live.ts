/** A run as it goes: its result and budget are asked for again when its trace grows. */

import { useEffect, useState } from "react";
import { useQuery, useQueryClient, type UseQueryResult } from "@tanstack/react-query";
import { isEnded } from "../model/states";
import * as wire from "../wire/house";
import { followTrace, type Line } from "../wire/live";
import { budget as budgetShape, type Budget, type RunResult } from "../wire/shapes";
import { shape } from "../wire/read";

const told = shape({ budget: budgetShape });
const GATHER_MS = 120; // events of one moment become one question

export interface LiveRun {
  readonly run: UseQueryResult<RunResult>;
  readonly budget: UseQueryResult<Budget>;
  readonly line: Line;
}

export function useLiveRun(id: string): LiveRun {
  const client = useQueryClient();
  const [line, setLine] = useState<Line>("connecting");
  const run = useQuery({ queryKey: ["run", id], queryFn: () => wire.run(id) });
  const budget = useQuery({ queryKey: ["budget", id], queryFn: () => wire.budgetOf(id) });
  const traceId = run.data?.traceId ?? "";
  const isOver = run.data ? isEnded(run.data.status) : false;
  useEffect(() => {
    if (!traceId || isOver) return;
    let timer = 0;
    const look = () => {
      timer ||= window.setTimeout(() => {
        timer = 0;
        void client.invalidateQueries({ queryKey: ["run", id] });
        void client.invalidateQueries({ queryKey: ["budget", id] });
      }, GATHER_MS);
    };
    const stop = followTrace(traceId, 0, {
      events: look,
      other: (kind, frame) => {
        if (kind === "budget") client.setQueryData(["budget", id], told(frame).budget);
        else look();
        if (kind === "approval") void client.invalidateQueries({ queryKey: ["approvals"] });
      },
      line: setLine,
    });
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, [traceId, isOver, id, client]);
  return { run, budget, line: isOver ? "ended" : line };
}
