/** Who is told outside the page, of what; and whether the words arrive there. */

import { useState, type FormEvent } from "react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import * as wire from "../../wire/house";
import { t } from "../../words/en";
import { useCan } from "../../app/session";
import { Copy, Field, Section } from "../../parts/basic";
import { Dialog } from "../../parts/dialog";
import { Problem, useToast } from "../../parts/feedback";

const ABOUT = ["waiting", "expiring", "ended"] as const;

export function Notices() {
  const client = useQueryClient();
  const say = useToast();
  const may = useCan("govern");
  const found = useQuery({ queryKey: ["notices"], queryFn: wire.notices });
  const drop = useMutation({ mutationFn: wire.dropNotice, onSuccess: () => void client.invalidateQueries({ queryKey: ["notices"] }) });
  const test = useMutation({ mutationFn: wire.testNotice, onSuccess: () => say(t.settings.arrived), onError: (error) => say(error.message) });
  const [adding, add] = useState(false);
  const [secret, show] = useState("");
  return (
    <Section
      title={t.settings.notices}
      action={
        may && (
          <button type="button" className="button small" onClick={() => add(true)}>
            {t.common.add}
          </button>
        )
      }
    >
      <div className="stack">
        <p className="small dim">{t.settings.noticesLead}</p>
        {secret && (
          <div className="notice tone-good">
            <div className="stack gap2">
              <p className="title">{t.settings.secretOnce}</p>
              <p className="mono small wrap-any">{secret}</p>
              <div>
                <Copy text={secret} />
              </div>
            </div>
          </div>
        )}
        {found.isError && <Problem error={found.error} retry={() => void found.refetch()} />}
        {found.data?.length ? (
          <ul className="stack gap2">
            {found.data.map((one) => (
              <li key={one.noticeId} className="row spread">
                <span className="wrap-any">
                  <span className="strong">{t.settings.kinds[one.channel] ?? one.channel}</span> <span className="dim">{one.address}</span>
                  <span className="small dim"> · {one.about.map((name) => t.settings.on[name] ?? name).join(", ")}</span>
                </span>
                {may && (
                  <span className="row">
                    <button type="button" className="button small bare" disabled={test.isPending} onClick={() => test.mutate(one.noticeId)}>
                      {t.policy.test}
                    </button>
                    <button type="button" className="button small" onClick={() => drop.mutate(one.noticeId)}>
                      {t.common.remove}
                    </button>
                  </span>
                )}
              </li>
            ))}
          </ul>
        ) : (
          <p>{t.settings.noNotices}</p>
        )}
      </div>
      {adding && <AddNotice onClose={() => add(false)} onMade={(made) => { add(false); show(made); }} />}
    </Section>
  );
}

function AddNotice({ onClose, onMade }: { readonly onClose: () => void; readonly onMade: (secret: string) => void }) {
  const client = useQueryClient();
  const [channel, setChannel] = useState("webhook");
  const [address, setAddress] = useState("");
  const [about, setAbout] = useState<readonly string[]>(ABOUT);
  const send = useMutation({
    mutationFn: () => wire.addNotice(channel, address, about),
    onSuccess: (made) => {
      void client.invalidateQueries({ queryKey: ["notices"] });
      onMade(channel === "webhook" ? made.secret : "");
    },
  });
  return (
    <Dialog open onClose={onClose} title={t.settings.notices} lead={t.settings.noticesLead}>
      <form className="stack" onSubmit={(event: FormEvent) => { event.preventDefault(); send.mutate(); }}>
        <Field label={t.settings.kind}>
          <select className="select" value={channel} onChange={(event) => setChannel(event.target.value)}>
            {Object.entries(t.settings.kinds).map(([name, said]) => (
              <option key={name} value={name}>
                {said}
              </option>
            ))}
          </select>
        </Field>
        <Field label={t.settings.address}>
          <input className="input" data-autofocus required type={channel === "email" ? "email" : "url"} placeholder={channel === "email" ? "name@company.example" : "https://"} value={address} onChange={(event) => setAddress(event.target.value)} />
        </Field>
        <fieldset className="stack gap2">
          <legend className="label">{t.settings.tell}</legend>
          {ABOUT.map((name) => (
            <label key={name} className="check">
              <input type="checkbox" checked={about.includes(name)} onChange={(event) => setAbout(event.target.checked ? [...about, name] : about.filter((one) => one !== name))} />
              <span>{t.settings.on[name]}</span>
            </label>
          ))}
        </fieldset>
        {send.isError && <Problem error={send.error} />}
        <div>
          <button type="submit" className="button first" disabled={send.isPending || !address || !about.length}>
            {t.common.add}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
