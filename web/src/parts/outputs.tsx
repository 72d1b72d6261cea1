/** Blocks of an output, drawn. Every text goes through `Exact`, so nothing in it can hide. */

import { useState } from "react";
import { blocksOf, type Block, type Letter } from "../model/outputs";
import { title } from "../model/format";
import { toneOf } from "../model/states";
import type { Json } from "../wire/read";
import { t } from "../words/en";
import { Exact, State } from "./basic";

const FIRST_ROWS = 12;
const LONG = 110; // letters of a cell that are shown at once
const WORDY = 60;
const BRIEF = 26; // letters that stay on one line

export function Output({ value }: { readonly value: Json }) {
  return (
    <div className="stack">
      {blocksOf(value).map((block, at) => (
        <Drawn key={at} block={block} />
      ))}
    </div>
  );
}

export function Drawn({ block }: { readonly block: Block }) {
  switch (block.kind) {
    case "headline":
      return (
        <p className="row">
          <span className="strong wrap-any">
            <Exact>{block.text}</Exact>
          </span>
          {block.state && <State state={block.state} label={block.state} />}
          {block.more && <span className="small dim">{block.more}</span>}
        </p>
      );
    case "score":
      return (
        <div className="row" style={{ gap: "var(--s4)" }}>
          <p className="big-number">
            {block.value}
            <span className="small dim" style={{ letterSpacing: 0, fontWeight: 400 }}>
              {" "}
              of {block.of}
            </span>
          </p>
          <p className="stack" style={{ gap: 0 }}>
            <span className="strong">
              <Exact>{block.label}</Exact>
            </span>
            <span className="small dim">{block.more}</span>
          </p>
        </div>
      );
    case "facts":
      return (
        <dl className="facts fold">
          {block.rows.map(([name, value], at) => [
            <dt key={`${at}t`}>{name}</dt>,
            <dd key={`${at}d`}>
              <Exact>{value}</Exact>
            </dd>,
          ])}
        </dl>
      );
    case "table":
      return <Table block={block} />;
    case "list": {
      const List = block.numbered ? "ol" : "ul";
      return (
        <div className="stack gap1">
          {block.title && <p className="subhead">{title(block.title)}</p>}
          <List className="stack gap1 small" style={{ paddingInlineStart: "1.2rem", listStyle: block.numbered ? "decimal" : "disc" }}>
            {block.items.map((item, at) => (
              <li key={at} className="wrap-any">
                <Exact>{item}</Exact>
              </li>
            ))}
          </List>
        </div>
      );
    }
    case "quote":
      return (
        <figure className="stack gap1">
          <p className="subhead">
            <Exact>{block.title}</Exact>
          </p>
          <blockquote className="quote pre" style={{ margin: 0 }}>
            <Exact>{block.text}</Exact>
          </blockquote>
          <figcaption className="tiny dim mono">{block.where}</figcaption>
        </figure>
      );
    case "text":
      return (
        <div className="stack gap1">
          {block.title && <p className="subhead">{title(block.title)}</p>}
          <p className="pre prose">
            <Exact>{block.text}</Exact>
          </p>
        </div>
      );
    case "letter":
      return <LetterView letter={block.letter} />;
    case "notes":
      return (
        <ul className="stack gap1 small dim">
          {block.items.map((item, at) => (
            <li key={at} className="wrap-any prose">
              <Exact>{item}</Exact>
            </li>
          ))}
        </ul>
      );
    case "part":
      return (
        <div className="stack gap2">
          {block.title && <p className="subhead">{title(block.title)}</p>}
          <div className="quote stack gap3" style={{ color: "inherit" }}>
            {block.blocks.map((inner, at) => (
              <Drawn key={at} block={inner} />
            ))}
          </div>
        </div>
      );
  }
}

export function LetterView({ letter }: { readonly letter: Letter }) {
  return (
    <article className="letter">
      <dl>
        <dt>{t.outputs.to}</dt>
        <dd className="strong">{letter.to ? <Exact>{letter.to}</Exact> : <span className="text-tone tone-wait">{t.outputs.nobody}</span>}</dd>
        {letter.subject && (
          <>
            <dt>{t.outputs.subject}</dt>
            <dd className="strong">
              <Exact>{letter.subject}</Exact>
            </dd>
          </>
        )}
      </dl>
      <div className="text">
        <Exact>{letter.body}</Exact>
      </div>
      {letter.missing.length > 0 && (
        <ul className="sunk small stack gap1" style={{ borderRadius: 0 }}>
          {letter.missing.map((one, at) => (
            <li key={at} className="text-tone tone-wait">
              {t.outputs.missing}: <Exact>{one}</Exact>
            </li>
          ))}
        </ul>
      )}
    </article>
  );
}

function Table({ block }: { readonly block: Extract<Block, { kind: "table" }> }) {
  const [all, show] = useState(false);
  const rows = all ? block.rows : block.rows.slice(0, FIRST_ROWS);
  return (
    <div className="stack gap1">
      {block.title && <p className="subhead">{title(block.title)}</p>}
      <div className="table-box" tabIndex={0} role="group" aria-label={block.title || t.run.output}>
        <table className="table flush fold">
          <thead>
            <tr>
              {block.columns.map((column, at) => (
                <th key={at} scope="col" className={column.isNumber ? "num" : ""}>
                  {title(column.name)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row, at) => (
              <tr key={at}>
                {row.map((cell, index) => {
                  const column = block.columns[index];
                  return (
                    <td key={index} className={column?.isNumber ? "num" : column?.isState ? "is-state" : cell.length < BRIEF ? "brief" : cell.length < WORDY ? "text" : "text wordy"} data-label={title(column?.name ?? "")} data-empty={cell === "" || undefined}>
                      {column?.isState && cell ? <span className={`state tone-${toneOf(cell)}`}>{cell}</span> : <Cell text={cell} />}
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {block.rows.length > rows.length && (
        <div>
          <button type="button" className="button bare small" onClick={() => show(true)}>
            {t.common.showAll(block.rows.length)}
          </button>
        </div>
      )}
      {block.total > block.rows.length && <p className="small dim">{t.common.rowsOf(block.rows.length, block.total)}</p>}
    </div>
  );
}

/** A cell; a long one is folded, so that a row stays a row. */
function Cell({ text }: { readonly text: string }) {
  if (text.length < LONG) return <Exact>{text}</Exact>;
  return (
    <details>
      <summary>
        <Exact>{`${text.slice(0, LONG / 2)}…`}</Exact>
      </summary>
      <Exact>{text}</Exact>
    </details>
  );
}

/** JSON as it is, with what hides made visible. */
export function RawJson({ value }: { readonly value: Json }) {
  return (
    <pre className="exact" tabIndex={0}>
      <Exact>{JSON.stringify(value, null, 2) ?? "null"}</Exact>
    </pre>
  );
}
