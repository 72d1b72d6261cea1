/** Nothing here, something wrong, not yet here, and a word when something was done. */

import { Component, createContext, useCallback, useContext, useMemo, useState, type ReactNode } from "react";
import type { UseQueryResult } from "@tanstack/react-query";
import { Refused } from "../wire/http";
import { t } from "../words/en";
import { Icon, type IconName } from "./icons";

/** Grey lines where text will stand, as tall as what comes, so that nothing moves. */
export function Bones({ lines = 3, card = false }: { readonly lines?: number; readonly card?: boolean }) {
  const bones = (
    <div className="stack gap3" role="status" aria-label={t.common.loading}>
      {Array.from({ length: lines }, (_, at) => (
        <span key={at} className="bone" style={{ width: `${[92, 74, 83, 60, 88][at % 5]}%` }} />
      ))}
    </div>
  );
  return card ? <div className="card"><div className="inside">{bones}</div></div> : bones;
}

export function Empty({ icon = "spark", title, children, action }: { readonly icon?: IconName; readonly title: string; readonly children?: ReactNode; readonly action?: ReactNode }) {
  return (
    <div className="empty">
      <Icon name={icon} size={28} />
      <p className="title">{title}</p>
      {children && <p>{children}</p>}
      {action}
    </div>
  );
}

/** A refusal as a person reads it: what, and what to do. */
export function Problem({ error, retry }: { readonly error: unknown; readonly retry?: () => void }) {
  const refused = error instanceof Refused ? error : null;
  const unreached = refused?.status === 0;
  const detail = unreached ? t.problem.unreachable : (refused?.message ?? (error instanceof Error ? error.message : String(error)));
  const mend = unreached ? t.problem.unreachableMend : refused?.mend;
  return (
    <div className="notice tone-bad" role="alert">
      <Icon name="warn" />
      <div className="stack gap1 grow">
        <p className="strong wrap-any">{detail || t.problem.title}</p>
        {mend && <p className="small dim wrap-any">{mend}</p>}
        {retry && (
          <div>
            <button type="button" className="button small" onClick={retry}>
              {t.common.retry}
            </button>
          </div>
        )}
      </div>
    </div>
  );
}

/** A question to the server drawn in its three states; `missing` is drawn where there is no such thing to ask about. */
export function Answer<T>({ of, bones = 3, card = true, missing, children }: { readonly of: UseQueryResult<T>; readonly bones?: number; readonly card?: boolean; readonly missing?: ReactNode; readonly children: (data: T) => ReactNode }) {
  if (of.data !== undefined) return <>{children(of.data)}</>;
  if (missing && of.error instanceof Refused && of.error.status === 404) return <>{missing}</>;
  if (of.isError) return <Problem error={of.error} retry={() => void of.refetch()} />;
  return <Bones lines={bones} card={card} />;
}

// --- a word when something was done ---------------------------------------------------------------------------------
interface Said {
  readonly key: number;
  readonly text: string;
}
const Toasts = createContext<(text: string) => void>(() => undefined);
export const useToast = () => useContext(Toasts);

export function Toaster({ children }: { readonly children: ReactNode }) {
  const [said, set] = useState<readonly Said[]>([]);
  const drop = useCallback((key: number) => set((all) => all.filter((one) => one.key !== key)), []);
  const say = useCallback(
    (text: string) => {
      const key = Date.now() + Math.random();
      set((all) => [...all.slice(-2), { key, text }]);
      setTimeout(() => drop(key), 6000);
    },
    [drop],
  );
  return (
    <Toasts.Provider value={useMemo(() => say, [say])}>
      {children}
      <div className="toasts" role="status" aria-live="polite">
        {said.map((one) => (
          <div key={one.key} className="toast">
            <span className="wrap-any">{one.text}</span>
            <button type="button" aria-label={t.common.dismiss} onClick={() => drop(one.key)}>
              <Icon name="close" size={16} />
            </button>
          </div>
        ))}
      </div>
    </Toasts.Provider>
  );
}

/** A broken part says so and leaves the rest of the page alone. */
export class Fence extends Component<{ readonly children: ReactNode; readonly at?: string }, { readonly error: Error | null }> {
  override state = { error: null as Error | null };

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  override componentDidUpdate(before: { readonly at?: string }) {
    if (before.at !== this.props.at && this.state.error) this.setState({ error: null });
  }

  override render() {
    if (!this.state.error) return this.props.children;
    return <Broken error={this.state.error} />;
  }
}

export function Broken({ error }: { readonly error: unknown }) {
  return (
    <div className="notice tone-bad" role="alert">
      <Icon name="warn" />
      <div>
        <p className="strong">{t.problem.broken}</p>
        <p className="small dim">{t.problem.brokenMend}</p>
        <p className="tiny mono dim">{error instanceof Error ? error.message : String(error)}</p>
      </div>
    </div>
  );
}
