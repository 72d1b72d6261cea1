/** Keys for programs: made once, shown once, ended at any time. */

import { useState, type FormEvent } from "react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { words } from "../../model/format";
import * as wire from "../../wire/house";
import { t } from "../../words/en";
import { useMe } from "../../app/session";
import { Ago, Copy, Field, Section } from "../../parts/basic";
import { Dialog } from "../../parts/dialog";
import { Problem } from "../../parts/feedback";

export function Keys() {
  const client = useQueryClient();
  const found = useQuery({ queryKey: ["keys"], queryFn: wire.keys });
  const [asking, ask] = useState(false);
  const [made, show] = useState("");
  const drop = useMutation({ mutationFn: wire.dropKey, onSuccess: () => void client.invalidateQueries({ queryKey: ["keys"] }) });
  return (
    <Section title={t.settings.keys} action={<button type="button" className="button small" onClick={() => ask(true)}>{t.common.add}</button>}>
      <div className="stack">
        <p className="small dim">{t.settings.keysLead}</p>
        {made && (
          <div className="notice tone-good">
            <div className="stack gap2">
              <p className="strong">{t.settings.keyOnce}</p>
              <p className="mono small wrap-any">{made}</p>
              <div>
                <Copy text={made} />
              </div>
            </div>
          </div>
        )}
        {found.data?.length ? (
          <ul className="stack gap2">
            {found.data.map((one) => (
              <li key={one.keyId} className="row spread">
                <span>
                  <span className="strong">{one.label || one.keyId}</span>{" "}
                  <span className="dim small">
                    {one.scopes.map(words).join(", ")} · {one.seenAt ? <>{t.settings.lastUsed} <Ago at={one.seenAt} /></> : t.settings.never} · {t.settings.ends} <Ago at={one.expiresAt} />
                  </span>
                </span>
                <button type="button" className="button small" onClick={() => drop.mutate(one.keyId)}>
                  {t.common.remove}
                </button>
              </li>
            ))}
          </ul>
        ) : (
          <p>{t.settings.noKeys}</p>
        )}
      </div>
      {asking && <AddKey onClose={() => ask(false)} onMade={(text) => { ask(false); show(text); }} />}
    </Section>
  );
}

const SCOPES = ["look", "start_run", "steer_run", "import_data"] as const;

function AddKey({ onClose, onMade }: { readonly onClose: () => void; readonly onMade: (text: string) => void }) {
  const client = useQueryClient();
  const me = useMe();
  const [label, say] = useState("");
  const [scopes, pick] = useState<readonly string[]>(["look"]);
  const make = useMutation({
    mutationFn: () => wire.makeKey(label.trim(), scopes),
    onSuccess: (made) => {
      void client.invalidateQueries({ queryKey: ["keys"] });
      onMade(made.text);
    },
  });
  return (
    <Dialog open onClose={onClose} title={t.settings.newKey} lead={t.settings.keysLead}>
      <form className="stack" onSubmit={(event: FormEvent) => { event.preventDefault(); make.mutate(); }}>
        <Field label={t.settings.keyName}>
          <input className="input" data-autofocus required value={label} onChange={(event) => say(event.target.value)} />
        </Field>
        <fieldset className="stack gap2">
          <legend className="label">{t.settings.scopes}</legend>
          {SCOPES.filter((scope) => me.can.includes(scope)).map((scope) => (
            <label key={scope} className="check">
              <input type="checkbox" checked={scopes.includes(scope)} onChange={(event) => pick(event.target.checked ? [...scopes, scope] : scopes.filter((one) => one !== scope))} />
              <span>{t.settings.scope[scope]}</span>
            </label>
          ))}
        </fieldset>
        {make.isError && <Problem error={make.error} />}
        <div>
          <button type="submit" className="button first" disabled={make.isPending || !label.trim() || !scopes.length}>
            {t.common.add}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
