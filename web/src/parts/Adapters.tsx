/** Adapters by capability, switched while runs go on; each switch has a reason and is on record. */

import { useState } from "react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { title } from "../model/format";
import * as wire from "../wire/house";
import type { Adapter } from "../wire/shapes";
import { t } from "../words/en";
import { useCan } from "../app/session";
import { Ago, Section } from "./basic";
import { Ask } from "./dialog";
import { Answer, useToast } from "./feedback";

interface Change {
  readonly adapter: Adapter;
  readonly on: boolean;
}

export function Adapters() {
  const found = useQuery({ queryKey: ["adapters"], queryFn: wire.adapters });
  const client = useQueryClient();
  const [change, ask] = useState<Change | null>(null);
  return (
    <>
      <Answer of={found} bones={8}>
        {(all) => (
          <div className="stack gap5">
            {[...new Set(all.map((one) => one.capability))].map((capability) => (
              <Section key={capability} title={capability.length < 4 ? capability.toUpperCase() : title(capability)} flush>
                <ul className="list">
                  {all.filter((one) => one.capability === capability).map((one) => (
                    <li key={one.adapter}>
                      <Line adapter={one} onSwitch={(on) => ask({ adapter: one, on })} />
                    </li>
                  ))}
                </ul>
              </Section>
            ))}
          </div>
        )}
      </Answer>
      <Ask
        open={change !== null}
        onClose={() => ask(null)}
        title={change ? t.policy.switchTitle(`${change.adapter.capability}/${change.adapter.adapter}`, change.on) : ""}
        lead={t.policy.switchLead}
        submit={t.policy.switch}
        risky={change ? !change.on : false}
        onSubmit={(reason) => wire.switchAdapter(change!.adapter.capability, { adapter: change!.adapter.adapter, enabled: change!.on, reason }).then(() => client.invalidateQueries())}
      />
    </>
  );
}

function Line({ adapter, onSwitch }: { readonly adapter: Adapter; readonly onSwitch: (on: boolean) => void }) {
  const say = useToast();
  const may = useCan("govern");
  const test = useMutation({ mutationFn: () => wire.testAdapter(adapter.adapter), onSuccess: (found) => say(found.filter((one) => one.capability === adapter.capability).map((one) => `${one.adapter}: ${one.said}`).join(", ")), onError: (error) => say(error.message) });
  return (
    <div className="entry">
      <span className="stack" style={{ gap: 0 }}>
        <span className="row gap2">
          <span className="strong">{adapter.adapter}</span>
          {adapter.chosen && <span className="tag">{t.policy.chosen}</span>}
          {adapter.installed && !adapter.canWrite && <span className="tag">{t.policy.readOnly}</span>}
        </span>
        <span className="small dim">
          {adapter.installed ? t.policy.installed : adapter.absent || t.policy.notInstalled}
          {adapter.switchedAt && (
            <>
              {" · "}
              {t.policy.by} {adapter.switchedBy}, <Ago at={adapter.switchedAt} />
              {adapter.reason && `: ${adapter.reason}`}
            </>
          )}
        </span>
      </span>
      <span className="row">
        {adapter.installed && <span className={`state tone-${adapter.enabled ? "good" : "no"}`}>{adapter.enabled ? t.policy.on : t.policy.off}</span>}
        {adapter.installed && (
          <button type="button" className="button small bare" disabled={test.isPending} onClick={() => test.mutate()} aria-label={`${t.policy.test} ${adapter.adapter}`}>
            {t.policy.test}
          </button>
        )}
        {may && adapter.installed && (
          <button type="button" className="button small" onClick={() => onSwitch(!adapter.enabled)} aria-label={t.policy.switchTitle(`${adapter.capability}/${adapter.adapter}`, !adapter.enabled)}>
            {adapter.enabled ? t.policy.off : t.policy.on}
          </button>
        )}
      </span>
    </div>
  );
}
