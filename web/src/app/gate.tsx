/** Whoever is not signed in sees the entrance; the address they came for stays, and they get there. */

import { useEffect, useState, type FormEvent, type ReactNode } from "react";
import { useNavigate, useRouterState } from "@tanstack/react-router";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import * as wire from "../wire/house";
import { Refused } from "../wire/http";
import { t } from "../words/en";
import { Field } from "../parts/basic";
import { Bones, Problem } from "../parts/feedback";
import { Mark } from "../parts/icons";
import { Signed } from "./session";
import { Shell } from "./shell";

export function Gate({ children }: { readonly children: ReactNode }) {
  const path = useRouterState({ select: (state) => state.location.pathname });
  const [, way, token] = /^\/(welcome|invitation|reset)\/(.+)$/.exec(path) ?? [];
  const me = useQuery({ queryKey: ["me"], queryFn: wire.me, enabled: !token, refetchInterval: (query) => (query.state.status === "error" ? 5_000 : 120_000) });
  if (way === "welcome" && token) return <Welcome token={token} />;
  if (token) return <Join token={token} />;
  if (me.data) {
    return (
      <Signed me={me.data}>
        <Shell>{children}</Shell>
      </Signed>
    );
  }
  if (me.error instanceof Refused && [401, 403].includes(me.error.status)) return <SignIn />;
  if (me.isError) {
    return (
      <Entrance>
        <Problem error={me.error} retry={() => void me.refetch()} />
      </Entrance>
    );
  }
  return (
    <Entrance>
      <Bones lines={3} />
    </Entrance>
  );
}

function Entrance({ children, title = t.name, lead = t.entrance.lead }: { readonly children: ReactNode; readonly title?: string; readonly lead?: string }) {
  return (
    <main className="entrance">
      <div className="card">
        <div className="inside stack gap5" style={{ padding: "var(--s6) var(--s5)" }}>
          <div className="stack gap2">
            <Mark size={40} />
            <h1 style={{ marginTop: "var(--s2)" }}>{title}</h1>
            <p className="dim">{lead}</p>
          </div>
          {children}
        </div>
      </div>
    </main>
  );
}

/** The link that `cuga serve` prints: used once, then forgotten by the address bar. */
function Welcome({ token }: { readonly token: string }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const [error, setError] = useState<unknown>(null);
  useEffect(() => {
    let here = true;
    wire
      .loginByLink(token)
      .catch(async (refused: unknown) => {
        // the link was used before, perhaps by this very browser
        await wire.me().catch(() => Promise.reject(refused));
      })
      .then(async () => {
        if (!here) return;
        await client.invalidateQueries();
        await navigate({ to: "/", replace: true });
      })
      .catch((refused: unknown) => here && setError(refused));
    return () => void (here = false);
  }, [token, client, navigate]);
  return (
    <Entrance lead={error ? t.entrance.linkUsed : t.entrance.opening}>
      {error ? (
        <>
          <Problem error={error} />
          <p className="small dim">{t.entrance.linkMend}</p>
        </>
      ) : (
        <Bones lines={2} />
      )}
    </Entrance>
  );
}

function Join({ token }: { readonly token: string }) {
  const client = useQueryClient();
  const navigate = useNavigate();
  const [password, setPassword] = useState("");
  const { busy, error, go } = useAct();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void go(async () => {
      await wire.loginByInvitation(token, password);
      await client.invalidateQueries();
      await navigate({ to: "/", replace: true });
    });
  };
  return (
    <Entrance title={t.entrance.joinTitle} lead={t.entrance.joinLead}>
      <form className="stack" onSubmit={submit}>
        <Field label={t.entrance.newPassword} help={t.entrance.newPasswordHelp}>
          <input className="input" type="password" autoComplete="new-password" minLength={12} required value={password} onChange={(event) => setPassword(event.target.value)} />
        </Field>
        {error != null && <Problem error={error} />}
        <button type="submit" className="button first big" disabled={busy}>
          {t.entrance.join}
        </button>
      </form>
    </Entrance>
  );
}

function SignIn() {
  const client = useQueryClient();
  const ways = useQuery({ queryKey: ["ways"], queryFn: wire.ways });
  const [user, setUser] = useState("");
  const [password, setPassword] = useState("");
  const { busy, error, go } = useAct();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void go(async () => {
      await wire.login(user.trim(), password);
      await client.resetQueries();
    });
  };
  if (!ways.data) return <Entrance>{ways.isError ? <Problem error={ways.error} retry={() => void ways.refetch()} /> : <Bones lines={3} />}</Entrance>;
  if (ways.data.solo && !ways.data.password && !ways.data.oidc) {
    return (
      <Entrance>
        <p>{t.entrance.solo}</p>
      </Entrance>
    );
  }
  return (
    <Entrance title={t.entrance.title}>
      {(ways.data.password || !ways.data.oidc) && (
        <form className="stack" onSubmit={submit}>
          <Field label={t.entrance.user}>
            <input className="input" autoComplete="username" autoCapitalize="none" required value={user} onChange={(event) => setUser(event.target.value)} />
          </Field>
          <Field label={t.entrance.password}>
            <input className="input" type="password" autoComplete="current-password" required value={password} onChange={(event) => setPassword(event.target.value)} />
          </Field>
          {error != null && <Problem error={error} />}
          <button type="submit" className="button first big" disabled={busy}>
            {t.entrance.enter}
          </button>
        </form>
      )}
      {ways.data.oidc && (
        <a className="button big" href="/api/login/oidc">
          {t.entrance.oidc}
        </a>
      )}
    </Entrance>
  );
}

function useAct() {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const go = async (act: () => Promise<void>) => {
    setBusy(true);
    setError(null);
    try {
      await act();
    } catch (refused) {
      setError(refused);
    } finally {
      setBusy(false);
    }
  };
  return { busy, error, go };
}
