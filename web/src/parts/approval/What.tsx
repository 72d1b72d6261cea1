/** What exactly would be done and where it goes, drawn from the bytes; what hides in it; and what changes by it. */

import { useMemo } from "react";
import { wordsBetween } from "../../model/diff";
import { title, words } from "../../model/format";
import { suspicionsIn } from "../../model/hidden";
import { targetOf } from "../../model/inbox";
import { blocksOf, isLetter, letterOf, said } from "../../model/outputs";
import type { Json } from "../../wire/read";
import type { Card, CardNow, Change } from "../../wire/shapes";
import { t } from "../../words/en";
import { Copy, Exact, Facts } from "../basic";
import { Icon } from "../icons";
import { Drawn, LetterView } from "../outputs";

const FEW = 5; // calls of a list that stand open

export type Seal = "checking" | "holds" | "broken" | "unknown";

export function Suspicious({ card }: { readonly card: Card }) {
  const found = useMemo(() => suspicionsIn(card.arguments), [card]);
  if (!found.hidden && !found.alike) return null;
  return (
    <div className="notice tone-bad" role="alert">
      <Icon name="warn" />
      <div className="stack gap1">
        {found.hidden > 0 && <p className="strong">{t.ask.hidden(found.hidden)}</p>}
        {found.alike > 0 && <p className="strong">{t.ask.alike(found.alike)}</p>}
      </div>
    </div>
  );
}

export function What({ card, bytes, seal }: { readonly card: Card; readonly bytes: string; readonly seal: Seal }) {
  const through = Object.entries(card.adapters).map(([capability, adapter]) => `${capability}: ${adapter}`).join(", ");
  const target = targetOf(card);
  return (
    <section className="stack gap3" aria-label={t.ask.exactly}>
      <h3>{card.sideEffect === "execute" ? t.ask.leaves : t.ask.stays}</h3>
      <Facts rows={[[t.ask.to, target && <span className="strong"><Exact>{target}</Exact></span>], [t.ask.through, through]]} />
      {card.calls.length ? (
        <ol className="stack">
          {card.calls.map((call, at) => (
            <li key={call}>
              <details open={card.calls.length <= FEW}>
                <summary className="strong">
                  {t.ask.call(at + 1, card.calls.length)} <span className="dim mono tiny">{call}</span>
                </summary>
                <div className="quote stack gap3" style={{ color: "inherit", marginTop: "var(--s2)" }}>
                  <Call given={Array.isArray(card.arguments) ? (card.arguments[at] ?? null) : null} />
                </div>
              </details>
            </li>
          ))}
        </ol>
      ) : (
        <Call given={card.arguments} />
      )}
      <Bytes bytes={bytes} card={card} seal={seal} />
    </section>
  );
}

/** The arguments of one call: messages as letters, the rest by name. Nothing is left out. */
function Call({ given }: { readonly given: Json }) {
  const named = given !== null && typeof given === "object" && !Array.isArray(given) ? given : { value: given };
  return (
    <>
      {Object.entries(named).map(([name, value]) => (isLetter(value) ? <Message key={name} name={name} value={value} /> : null))}
      <Others given={named} />
    </>
  );
}

function Message({ name, value }: { readonly name: string; readonly value: { [name: string]: Json } }) {
  const rest = Object.fromEntries(Object.entries(value).filter(([field]) => !["body", "subject", "unfilled", "recipient", "recipient_name", "recipient_title"].includes(field)));
  return (
    <div className="stack gap2" aria-label={name}>
      <LetterView letter={letterOf(value)} />
      <details>
        <summary className="small dim">{t.outputs.rest}</summary>
        <div className="stack gap3 sunk" style={{ marginTop: "var(--s2)" }}>
          {blocksOf(rest).map((block, at) => (
            <Drawn key={at} block={block} />
          ))}
        </div>
      </details>
    </div>
  );
}

function Others({ given }: { readonly given: { [name: string]: Json } }) {
  const others = Object.entries(given).filter(([, value]) => !isLetter(value));
  const plain = others.filter(([, value]) => value === null || typeof value !== "object");
  return (
    <>
      {plain.length > 0 && <Facts rows={plain.map(([name, value]) => [words(name), <Exact key={name}>{said(value) || "–"}</Exact>])} />}
      {others
        .filter(([, value]) => value !== null && typeof value === "object")
        .map(([name, value]) => (
          <details key={name} open>
            <summary className="small strong">{title(name)}</summary>
            <div className="stack gap3 sunk" style={{ marginTop: "var(--s2)" }}>
              {blocksOf(value).map((block, at) => (
                <Drawn key={at} block={block} />
              ))}
            </div>
          </details>
        ))}
    </>
  );
}

function Bytes({ bytes, card, seal }: { readonly bytes: string; readonly card: Card; readonly seal: Seal }) {
  return (
    <details open={seal === "broken"}>
      <summary className="small dim">
        {t.ask.bytes}{" "}
        {seal === "holds" && <span className="text-tone tone-good">· {t.ask.sealed}</span>}
        {seal === "unknown" && <span>· {t.ask.noSeal}</span>}
      </summary>
      <div className="stack gap2" style={{ marginTop: "var(--s2)" }}>
        <p className="small dim">{t.ask.bytesLead}</p>
        <pre className="exact" tabIndex={0}>
          <Exact>{bytes}</Exact>
        </pre>
        <p className="seal">sha256 {card.argumentsDigest}</p>
        <Copy text={bytes} />
      </div>
      {seal === "broken" && (
        <div className="notice tone-bad" role="alert">
          <Icon name="warn" />
          <p className="strong">{t.ask.unsealed}</p>
        </div>
      )}
    </details>
  );
}

/** What changes: against what is in the records now, and against the request that this one replaced. */
export function Diff({ now }: { readonly now: CardNow }) {
  return (
    <>
      <Changes title={t.ask.diff} changes={now.changes} />
      <Changes title={t.ask.amended} changes={now.edits} />
    </>
  );
}

function Changes({ title: name, changes }: { readonly title: string; readonly changes: readonly Change[] }) {
  if (!changes.length) return null;
  return (
    <section className="stack gap3">
      <h3>{name}</h3>
      {changes.map((change) => (
        <div key={change.name} className="stack gap1">
          <h4 className="mono">{change.name}</h4>
          <p className="sunk pre small">
            {wordsBetween(change.was, change.becomes).map((run, at) => {
              const text = <Exact>{run.text}</Exact>;
              return run.kind === "gone" ? <del key={at}>{text}</del> : run.kind === "new" ? <ins key={at}>{text}</ins> : <span key={at}>{text}</span>;
            })}
          </p>
        </div>
      ))}
    </section>
  );
}
