/** What is agreed in advance: one tool that stays inside, a number of times, until a day. */

import { useState, type FormEvent } from "react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { words } from "../../model/format";
import * as wire from "../../wire/house";
import { t } from "../../words/en";
import { useCan } from "../../app/session";
import { Ago, Field, Section } from "../../parts/basic";
import { Dialog } from "../../parts/dialog";
import { Problem } from "../../parts/feedback";

export function Rules() {
  const client = useQueryClient();
  const may = useCan("govern");
  const found = useQuery({ queryKey: ["rules"], queryFn: wire.rules });
  const drop = useMutation({ mutationFn: wire.dropRule, onSuccess: () => void client.invalidateQueries() });
  const [adding, add] = useState(false);
  return (
    <Section
      title={t.people.rules}
      action={
        may && (
          <button type="button" className="button small" onClick={() => add(true)}>
            {t.people.addRule}
          </button>
        )
      }
    >
      <div className="stack">
        <p className="dim small">{t.people.rulesLead}</p>
        {found.data?.length ? (
          <ul className="stack gap2">
            {found.data.map((rule) => (
              <li key={rule.ruleId} className="row spread">
                <span>
                  <span className="strong">{words(rule.tool)}</span>{" "}
                  <span className="dim small">
                    {[...Object.entries(rule.matches).map(([name, value]) => `${name} = ${value}`), rule.profile, t.people.uses(rule.uses), rule.by].filter(Boolean).join(" · ")} · {t.settings.ends} <Ago at={rule.expiresAt} />
                  </span>
                </span>
                {may && (
                  <button type="button" className="button small" onClick={() => drop.mutate(rule.ruleId)}>
                    {t.common.remove}
                  </button>
                )}
              </li>
            ))}
          </ul>
        ) : (
          <p>{t.people.noRules}</p>
        )}
        {drop.error && <Problem error={drop.error} />}
      </div>
      {adding && <AddRule onClose={() => add(false)} />}
    </Section>
  );
}

function AddRule({ onClose }: { readonly onClose: () => void }) {
  const client = useQueryClient();
  const tools = useQuery({ queryKey: ["tools"], queryFn: wire.tools, staleTime: 60_000 });
  const inside = (tools.data ?? []).filter((tool) => tool.sideEffect === "propose");
  const [tool, setTool] = useState("");
  const [name, setName] = useState("");
  const [value, setValue] = useState("");
  const [uses, setUses] = useState(10);
  const [days, setDays] = useState(7);
  const slots = inside.find((one) => one.name === tool)?.slots ?? [];
  const send = useMutation({
    mutationFn: () => wire.addRule({ tool, matches: name ? { [name]: value } : {}, uses, days }),
    onSuccess: () => {
      void client.invalidateQueries();
      onClose();
    },
  });
  return (
    <Dialog open onClose={onClose} title={t.people.addRule} lead={t.people.rulesLead}>
      <form className="stack" onSubmit={(event: FormEvent) => { event.preventDefault(); send.mutate(); }}>
        <Field label={t.people.ruleTool}>
          <select className="select" data-autofocus required value={tool} onChange={(event) => { setTool(event.target.value); setName(""); }}>
            <option value="" />
            {inside.map((one) => (
              <option key={one.name} value={one.name}>
                {words(one.name)}
              </option>
            ))}
          </select>
        </Field>
        <div className="tiles" style={{ "--tile": "9rem" } as React.CSSProperties}>
          <Field label={`${t.people.ruleName} (${t.common.optional})`}>
            <select className="select" value={name} onChange={(event) => setName(event.target.value)}>
              <option value="" />
              {slots.map((slot) => (
                <option key={slot.name}>{slot.name}</option>
              ))}
            </select>
          </Field>
          <Field label={t.people.ruleValue}>
            <input className="input" disabled={!name} required={name !== ""} value={value} onChange={(event) => setValue(event.target.value)} />
          </Field>
          <Field label={t.people.ruleUses}>
            <input className="input" type="number" min={1} max={1000} value={uses} onChange={(event) => setUses(Number(event.target.value))} />
          </Field>
          <Field label={t.people.ruleDays}>
            <input className="input" type="number" min={1} max={366} value={days} onChange={(event) => setDays(Number(event.target.value))} />
          </Field>
        </div>
        {send.isError && <Problem error={send.error} />}
        <div>
          <button type="submit" className="button first" disabled={send.isPending || !tool}>
            {t.common.add}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
