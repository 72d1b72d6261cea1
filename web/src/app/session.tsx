/** Who looks at the page, what house it is, and the line that says when to look again. */

import { createContext, useContext, useEffect, useState, type ReactNode } from "react";
import { QueryClient, useQuery, useQueryClient } from "@tanstack/react-query";
import * as wire from "../wire/house";
import { Refused } from "../wire/http";
import { followHouse, type Line } from "../wire/live";
import type { House, Me } from "../wire/shapes";

export function newClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 4_000,
        refetchOnWindowFocus: true,
        retry: (failures, error) => error instanceof Refused && error.status === 0 && failures < 2,
        retryDelay: (attempt) => 500 * 2 ** attempt,
      },
    },
  });
}

const NOBODY: Me = { user: "", roles: [], isSolo: false, tenant: "", can: [], needsStepUp: false, way: "", hasPassword: false };
const Who = createContext<Me>(NOBODY);
export const useMe = () => useContext(Who);
export const useCan = (verb: string) => useMe().can.includes(verb);
const LineNow = createContext<Line>("connecting");
export const useLine = () => useContext(LineNow);

export function useHouse() {
  return useQuery({ queryKey: ["house"], queryFn: wire.house, refetchInterval: 30_000 });
}
export const isEmptyHouse = (house: House) => Object.values(house.data).every((n) => n === 0);

export function useProfiles() {
  return useQuery({ queryKey: ["profiles"], queryFn: wire.profiles, staleTime: 60_000 });
}

/** The profile a person chose last; kept in this browser. */
export function useProfile(): readonly [string, (name: string) => void] {
  const profiles = useProfiles();
  const house = useHouse();
  const [kept, keep] = useState(() => localStorage.getItem("profile") ?? "");
  const names = profiles.data?.map((profile) => profile.name) ?? [];
  const value = names.includes(kept) ? kept : (house.data?.defaultProfile ?? names[0] ?? "");
  return [
    value,
    (name) => {
      localStorage.setItem("profile", name);
      keep(name);
    },
  ];
}

/** Hints of the server become questions asked again; many hints at once become one. */
export function Signed({ me, children }: { readonly me: Me; readonly children: ReactNode }) {
  const client = useQueryClient();
  const [line, setLine] = useState<Line>("connecting");
  useEffect(() => {
    let timer = 0;
    const stale = new Set<string>();
    const stop = followHouse(
      (kind) => {
        for (const key of HINTS[kind] ?? ["house"]) stale.add(key);
        timer ||= window.setTimeout(() => {
          timer = 0;
          for (const key of stale) void client.invalidateQueries({ queryKey: [key] });
          stale.clear();
        }, 150);
      },
      (now) => {
        setLine((before) => {
          if (now === "open" && before === "lost") void client.invalidateQueries();
          return now === "connecting" && before === "lost" ? before : now;
        });
      },
    );
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, [client]);
  return (
    <Who.Provider value={me}>
      <LineNow.Provider value={line}>{children}</LineNow.Provider>
    </Who.Provider>
  );
}

const HINTS: Readonly<Record<string, readonly string[]>> = {
  inbox: ["approvals", "approval", "house", "runs"],
  run: ["runs", "run", "house", "approvals"],
  house: ["house", "me", "adapters", "people", "rules", "delegations", "approvals", "crm", "notices"],
};
