/** The frame around every page: where one is, where one can go, and what one must know wherever one is. */

import { createContext, lazy, Suspense, useCallback, useContext, useEffect, useState, type ReactNode } from "react";
import { Link, useNavigate, useRouterState } from "@tanstack/react-router";
import { useQuery } from "@tanstack/react-query";
import * as wire from "../wire/house";
import { t } from "../words/en";
import { Fence } from "../parts/feedback";
import { Icon, Mark, type IconName } from "../parts/icons";
import { Proof } from "../parts/Proof";
import { useHouse, useLine, useMe } from "./session";

/** Opens the quick actions, at one of them when its name is given. */
const Quick = createContext<(play?: string) => void>(() => undefined);
export const useQuick = () => useContext(Quick);
const QuickActions = lazy(() => import("./quick"));

const PAGES = [
  ["/", "home", "home", "h"],
  ["/runs", "runs", "runs", "r"],
  ["/inbox", "inbox", "inbox", "i"],
  ["/data", "data", "data", "d"],
] as const;
const WATCH = [
  ["/signals", "signals", "signals", "s"],
  ["/policy", "policy", "policy", "p"],
  ["/audit", "audit", "audit", "a"],
  ["/people", "people", "people", ""],
  ["/settings", "settings", "settings", ""],
] as const;

export function Shell({ children }: { readonly children: ReactNode }) {
  const [quick, setQuick] = useState<string | null>(null);
  const path = useRouterState({ select: (state) => state.location.pathname });
  const waiting = useWaiting();
  const openQuick = useCallback((play = "") => setQuick(play), []);
  useKeys(openQuick);
  useArrival(path);
  return (
    <div className="frame">
      <a className="skip" href="#content" onClick={(event) => { event.preventDefault(); document.getElementById("content")?.focus(); }}>
        {t.skip}
      </a>
      <Rail path={path} waiting={waiting} openQuick={() => openQuick()} />
      <div style={{ minWidth: 0 }}>
        <header className="topbar">
          <Link to="/" className="brand" aria-label={t.name}>
            <Mark size={24} />
            {t.name}
          </Link>
          <button type="button" className="button bare icon end" aria-label={t.nav.quick} onClick={() => openQuick()}>
            <Icon name="search" size={20} />
          </button>
        </header>
        <Banners />
        <main className="main" id="content" tabIndex={-1}>
          <Fence at={path}>
            <Quick.Provider value={openQuick}>{children}</Quick.Provider>
          </Fence>
        </main>
      </div>
      <Bar path={path} waiting={waiting} />
      <Proof />
      {quick !== null && (
        <Suspense fallback={null}>
          <QuickActions first={quick} onClose={() => setQuick(null)} />
        </Suspense>
      )}
    </div>
  );
}

function useWaiting(): number {
  const cards = useQuery({ queryKey: ["approvals"], queryFn: wire.approvals, refetchInterval: 30_000 });
  const house = useHouse();
  if (!cards.data) return 0;
  const mine = cards.data.filter((card) => card.isYours).length;
  // beyond the first cards nobody has counted whose they are
  return mine === cards.data.length && house.data ? Math.max(mine, house.data.waiting) : mine;
}

const isAt = (path: string, to: string) => (to === "/" ? path === "/" : path === to || path.startsWith(`${to}/`));

function Rail({ path, waiting, openQuick }: { readonly path: string; readonly waiting: number; readonly openQuick: () => void }) {
  const me = useMe();
  return (
    <nav className="rail" aria-label={t.nav.label}>
      <Link to="/" className="brand">
        <Mark />
        {t.name}
      </Link>
      <button type="button" className="button" style={{ justifyContent: "flex-start", margin: "0 0 var(--s3)" }} onClick={openQuick}>
        <Icon name="search" size={16} />
        <span className="dim" style={{ fontWeight: 400 }}>{t.nav.quick}</span>
        <kbd className="end">{isMac() ? "⌘K" : "Ctrl K"}</kbd>
      </button>
      {PAGES.map(([to, name, icon]) => (
        <To key={to} to={to} name={name} icon={icon} current={isAt(path, to)} count={name === "inbox" ? waiting : 0} />
      ))}
      <p className="part">{t.nav.watch}</p>
      {WATCH.slice(0, -1).map(([to, name, icon]) => (
        <To key={to} to={to} name={name} icon={icon} current={isAt(path, to)} count={0} />
      ))}
      <div className="foot">
        <Me user={me.user} solo={me.isSolo} roles={me.roles} current={isAt(path, "/settings")} />
      </div>
    </nav>
  );
}

function To({ to, name, icon, current, count }: { readonly to: string; readonly name: keyof typeof t.nav & string; readonly icon: IconName; readonly current: boolean; readonly count: number }) {
  return (
    <Link to={to} className="to" aria-current={current ? "page" : undefined}>
      <Icon name={icon} />
      {t.nav[name] as string}
      {count > 0 && (
        <span className="count end" aria-label={t.nav.waiting(count)}>
          {count}
        </span>
      )}
    </Link>
  );
}

function Me({ user, solo, roles, current }: { readonly user: string; readonly solo: boolean; readonly roles: readonly string[]; readonly current: boolean }) {
  return (
    <Link to="/settings" className="to" style={{ minHeight: "2.75rem" }} aria-current={current ? "page" : undefined}>
      <span className="step-dot tone-calm" aria-hidden="true">
        {user.slice(0, 2).toUpperCase()}
      </span>
      <span className="stack grow" style={{ gap: 0, lineHeight: 1.25 }}>
        <span className="cut strong" style={{ color: "var(--ink)" }}>
          {user}
        </span>
        <span className="tiny">{solo ? "solo" : roles.join(", ")}</span>
      </span>
      <Icon name="settings" />
      <span className="hush">{t.nav.settings}</span>
    </Link>
  );
}

function Bar({ path, waiting }: { readonly path: string; readonly waiting: number }) {
  return (
    <nav className="bar" aria-label={t.nav.label}>
      {PAGES.map(([to, name, icon]) => (
        <Link key={to} to={to} aria-current={isAt(path, to) ? "page" : undefined}>
          <Icon name={icon} size={22} />
          {t.nav[name]}
          {name === "inbox" && waiting > 0 && (
            <span className="count" aria-label={t.nav.waiting(waiting)}>
              {waiting}
            </span>
          )}
        </Link>
      ))}
      <Link to="/more" aria-current={path === "/more" || WATCH.some(([to]) => isAt(path, to)) ? "page" : undefined}>
        <Icon name="more" size={22} />
        {t.nav.more}
      </Link>
    </nav>
  );
}

/** Where the bar of a phone has no room. */
export function More() {
  return (
    <div className="page narrow">
      <h1 tabIndex={-1}>{t.nav.more}</h1>
      <ul className="card list">
        {WATCH.map(([to, name, icon]) => (
          <li key={to}>
            <Link to={to} className="entry" style={{ gridTemplateColumns: "auto 1fr auto" }}>
              <Icon name={icon} size={20} />
              {t.nav[name]}
              <Icon name="right" size={16} />
            </Link>
          </li>
        ))}
      </ul>
    </div>
  );
}

function Banners() {
  const line = useLine();
  const me = useMe();
  const house = useHouse();
  return (
    <>
      {line === "lost" && (
        <p className="banner tone-bad" role="status">
          <Icon name="warn" size={16} />
          {t.line.lost}
        </p>
      )}
      {!me.isSolo && !me.hasPassword && me.way !== "oidc" && (
        <p className="banner tone-wait" role="status">
          <Icon name="lock" size={16} />
          {t.settings.noPassword}
          <Link to="/settings" className="end">
            {t.settings.setOne}
          </Link>
        </p>
      )}
      {house.data?.halted && (
        <p className="banner tone-wait" role="status">
          <Icon name="stop" size={16} />
          {t.line.halted(house.data.halted)}
          <Link to="/settings" className="end">{t.settings.lift}</Link>
        </p>
      )}
    </>
  );
}

export const isMac = () => /Mac|iPhone|iPad/.test(navigator.platform);
const isWriting = (target: EventTarget | null) => target instanceof HTMLElement && (/^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || target.isContentEditable);

/** Ctrl/Cmd K anywhere; `/` to the goal, `t` to the trace of this run, `g` and a letter to a page. */
function useKeys(openQuick: (play?: string) => void) {
  const navigate = useNavigate();
  useEffect(() => {
    let began = 0;
    const onKey = (event: KeyboardEvent) => {
      const key = event.key.toLowerCase();
      if ((event.ctrlKey || event.metaKey) && key === "k") {
        event.preventDefault();
        return openQuick();
      }
      const run = /^#\/runs\/([^/?]+)$/.exec(location.hash)?.[1];
      if (run && ((event.ctrlKey || event.metaKey) ? key === "t" : key === "t" && !isWriting(event.target) && !event.altKey)) {
        event.preventDefault();
        return void navigate({ to: "/runs/$id/trace", params: { id: run } });
      }
      if (isWriting(event.target) || event.ctrlKey || event.metaKey || event.altKey || document.querySelector(".dialog")) return;
      if (key === "/" ) {
        event.preventDefault();
        void navigate({ to: "/" }).then(() => document.getElementById("goal")?.focus());
      } else if (key === "g") {
        began = Date.now();
      } else if (Date.now() - began < 1200) {
        began = 0;
        const to = [...PAGES, ...WATCH].find(([, , , letter]) => letter === key)?.[0];
        if (to) {
          event.preventDefault();
          void navigate({ to });
        }
      }
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [navigate, openQuick]);
}

/** On another page the title says where one is, and reading begins at its heading. */
function useArrival(path: string) {
  const [first, setFirst] = useState(path);
  useEffect(() => {
    const name = [...PAGES, ...WATCH].find(([to]) => isAt(path, to))?.[1] ?? "home";
    document.title = `${t.nav[name]} · ${t.name}`;
    if (path === first) return;
    setFirst("");
    const timer = setTimeout(() => {
      if (!document.querySelector(".dialog")) document.querySelector<HTMLElement>("main h1")?.focus({ preventScroll: true });
    }, 60);
    return () => clearTimeout(timer);
  }, [path, first]);
}
