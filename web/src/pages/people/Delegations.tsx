/** One person decides for another, for a time. */

import { useState } from "react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { dayAndTime } from "../../model/format";
import * as wire from "../../wire/house";
import { t } from "../../words/en";
import { useMe } from "../../app/session";
import { Section } from "../../parts/basic";
import { Problem } from "../../parts/feedback";

export function Delegations({ people }: { readonly people: readonly wire.Person[] }) {
  const me = useMe();
  const client = useQueryClient();
  const found = useQuery({ queryKey: ["delegations"], queryFn: wire.delegations });
  const [to, setTo] = useState("");
  const [until, setUntil] = useState("");
  const others = people.filter((one) => one.user !== me.user);
  const add = useMutation({ mutationFn: () => wire.delegate(to, new Date().toISOString(), new Date(`${until}T23:59:59`).toISOString()), onSuccess: () => void client.invalidateQueries() });
  const drop = useMutation({ mutationFn: wire.dropDelegation, onSuccess: () => void client.invalidateQueries() });
  return (
    <Section title={t.people.delegations}>
      <div className="stack">
        <p className="dim small">{t.people.delegationsLead}</p>
        {found.data?.length ? (
          <ul className="stack gap2">
            {found.data.map((one) => (
              <li key={one.delegationId} className="row spread">
                <span>
                  <span className="strong">{one.delegate}</span> for {one.user}, {t.people.until.toLowerCase()} {dayAndTime(one.ends)}
                </span>
                <button type="button" className="button small" onClick={() => drop.mutate(one.delegationId)}>
                  {t.common.remove}
                </button>
              </li>
            ))}
          </ul>
        ) : (
          <p>{t.people.noDelegations}</p>
        )}
        {others.length > 0 && !me.isSolo && (
          <form className="row" onSubmit={(event) => { event.preventDefault(); add.mutate(); }}>
            <select className="select small" style={{ width: "auto" }} aria-label={t.people.to} required value={to} onChange={(event) => setTo(event.target.value)}>
              <option value="">{t.people.to}</option>
              {others.map((one) => (
                <option key={one.user}>{one.user}</option>
              ))}
            </select>
            <input className="input small" style={{ width: "auto" }} type="date" aria-label={t.people.until} required value={until} onChange={(event) => setUntil(event.target.value)} />
            <button type="submit" className="button small" disabled={add.isPending || !to || !until}>
              {t.common.add}
            </button>
          </form>
        )}
        {(add.error ?? drop.error) && <Problem error={add.error ?? drop.error} />}
      </div>
    </Section>
  );
}
