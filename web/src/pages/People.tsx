/** Who may do what here: invitations, roles, resets, hand-overs, delegations and standing rules. */

import { useState, type FormEvent } from "react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import * as wire from "../wire/house";
import { t } from "../words/en";
import { useCan, useMe } from "../app/session";
import { Ago, Copy, Field, Head } from "../parts/basic";
import { Dialog } from "../parts/dialog";
import { Answer, Problem, useToast } from "../parts/feedback";
import { Icon } from "../parts/icons";
import { Delegations } from "./people/Delegations";
import { Rules } from "./people/Rules";

const ROLES = ["viewer", "operator", "approver", "admin"] as const;

export function People() {
  const me = useMe();
  const may = useCan("govern");
  const found = useQuery({ queryKey: ["people"], queryFn: wire.people });
  const [inviting, invite] = useState(false);
  const [made, show] = useState<wire.Invited | null>(null);
  const [of, edit] = useState<wire.Person | null>(null);
  return (
    <div className="page">
      <Head title={t.people.title} lead={t.people.lead}>
        {may && (
          <button type="button" className="button first" onClick={() => invite(true)}>
            <Icon name="plus" size={16} />
            {t.people.invite}
          </button>
        )}
      </Head>
      {me.isSolo && (
        <div className="notice tone-calm">
          <Icon name="people" />
          <div>
            <p className="title">{t.people.solo}</p>
            <p className="small">{t.people.soloLead}</p>
          </div>
        </div>
      )}
      <Answer of={found} bones={4}>
        {(people) => (
          <ul className="card list">
            {people.map((one) => (
              <li key={one.user}>
                <div className="entry">
                  <span className="row" style={{ flexWrap: "nowrap" }}>
                    <span className="step-dot tone-calm" aria-hidden="true">
                      {one.user.slice(0, 2).toUpperCase()}
                    </span>
                    <span className="stack" style={{ gap: 0 }}>
                      <span className="row gap2">
                        <span className="strong wrap-any">{one.user}</span>
                        {one.user === me.user && <span className="tag">{t.people.you}</span>}
                        {!me.isSolo && !one.hasPassword && !one.seenAt && <span className="state tone-wait">{t.people.invited}</span>}
                      </span>
                      <span className="small dim">
                        {one.roles.join(", ") || (me.isSolo ? "solo" : t.common.none)}
                        {one.seenAt && (
                          <>
                            {" · "}
                            <Ago at={one.seenAt} />
                          </>
                        )}
                      </span>
                    </span>
                  </span>
                  {may && !me.isSolo && (
                    <button type="button" className="button small" onClick={() => edit(one)} aria-label={`${t.people.edit}: ${one.user}`}>
                      {t.people.edit}
                    </button>
                  )}
                </div>
              </li>
            ))}
          </ul>
        )}
      </Answer>
      <Delegations people={found.data ?? []} />
      <Rules />
      {inviting && <Invite onClose={() => invite(false)} onLink={(one) => { invite(false); show(one); }} isFirst={me.isSolo} />}
      {made && (
        <Dialog open onClose={() => show(null)} title={t.people.linkTitle} lead={t.people.linkLead}>
          <div className="stack">
            {made.mailedTo && <p className="text-tone tone-good strong">{t.people.mailed(made.mailedTo)}</p>}
            {made.notMailed && <p className="text-tone tone-wait">{t.people.notMailed(made.notMailed)}</p>}
            <p className="sunk mono wrap-any small">{made.link}</p>
            <div>
              <Copy text={made.link} />
            </div>
          </div>
        </Dialog>
      )}
      {of && <Edit person={of} people={found.data ?? []} onClose={() => edit(null)} onLink={(one) => { edit(null); show(one); }} />}
    </div>
  );
}

function Roles({ value, onPick }: { readonly value: readonly string[]; readonly onPick: (roles: readonly string[]) => void }) {
  return (
    <fieldset className="stack gap2">
      <legend className="label">{t.people.roles}</legend>
      {ROLES.map((role) => (
        <label key={role} className="check">
          <input type="checkbox" checked={value.includes(role)} onChange={(event) => onPick(event.target.checked ? [...value, role] : value.filter((one) => one !== role))} />
          <span>
            <span className="strong">{role}</span> <span className="small dim">{t.people.roleSaid[role]}</span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}

function Invite({ onClose, onLink, isFirst }: { readonly onClose: () => void; readonly onLink: (made: wire.Invited) => void; readonly isFirst: boolean }) {
  const client = useQueryClient();
  const [user, setUser] = useState("");
  const [mail, setMail] = useState("");
  const [roles, setRoles] = useState<readonly string[]>(["approver"]);
  const send = useMutation({
    mutationFn: () => wire.invite(user.trim(), roles, mail.trim()),
    onSuccess: async (made) => {
      await client.invalidateQueries();
      onLink(made);
    },
  });
  return (
    <Dialog open onClose={onClose} title={t.people.invite} lead={isFirst ? t.people.soloLead : undefined}>
      <form className="stack" onSubmit={(event: FormEvent) => { event.preventDefault(); send.mutate(); }}>
        <Field label={t.people.name}>
          <input className="input" data-autofocus required autoCapitalize="none" value={user} onChange={(event) => setUser(event.target.value)} />
        </Field>
        <Field label={`${t.people.email} (${t.common.optional})`}>
          <input className="input" type="email" value={mail} onChange={(event) => setMail(event.target.value)} />
        </Field>
        <Roles value={roles} onPick={setRoles} />
        {send.isError && <Problem error={send.error} />}
        <div>
          <button type="submit" className="button first" disabled={send.isPending || !user.trim() || !roles.length}>
            {t.people.inviteDo}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function Edit({ person, people, onClose, onLink }: { readonly person: wire.Person; readonly people: readonly wire.Person[]; readonly onClose: () => void; readonly onLink: (made: wire.Invited) => void }) {
  const client = useQueryClient();
  const say = useToast();
  const [roles, setRoles] = useState(person.roles);
  const [to, setTo] = useState("");
  const done = async () => {
    await client.invalidateQueries();
    say(t.people.saved);
    onClose();
  };
  const give = useMutation({ mutationFn: () => wire.giveRoles(person.user, roles), onSuccess: done });
  const reset = useMutation({ mutationFn: () => wire.resetPerson(person.user), onSuccess: onLink });
  const leave = useMutation({ mutationFn: () => wire.leave(person.user, to), onSuccess: done });
  const error = give.error ?? reset.error ?? leave.error;
  return (
    <Dialog open onClose={onClose} title={person.user}>
      <div className="stack gap5">
        {error && <Problem error={error} />}
        <form className="stack" onSubmit={(event) => { event.preventDefault(); give.mutate(); }}>
          <Roles value={roles} onPick={setRoles} />
          <div className="row">
            <button type="submit" className="button first" disabled={give.isPending || !roles.length}>
              {t.common.save}
            </button>
            <button type="button" className="button" disabled={reset.isPending} onClick={() => reset.mutate()}>
              {t.people.reset}
            </button>
          </div>
        </form>
        <hr className="rule" />
        <form className="stack gap3" onSubmit={(event) => { event.preventDefault(); leave.mutate(); }}>
          <div>
            <h3>{t.people.leave}</h3>
            <p className="small dim">{t.people.leaveLead}</p>
          </div>
          <Field label={t.people.handOver}>
            <select className="select" value={to} onChange={(event) => setTo(event.target.value)}>
              <option value="">{t.people.nobody}</option>
              {people.filter((one) => one.user !== person.user).map((one) => (
                <option key={one.user}>{one.user}</option>
              ))}
            </select>
          </Field>
          <div>
            <button type="submit" className="button risky" disabled={leave.isPending}>
              {t.people.leaveDo}
            </button>
          </div>
        </form>
      </div>
    </Dialog>
  );
}
