/** Files become records: chosen, read, looked at and corrected, and only then stored. */

import { useRef, useState } from "react";
import { Link } from "@tanstack/react-router";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { count, words } from "../model/format";
import { mappingOf, type Correction } from "../model/importing";
import * as wire from "../wire/house";
import type { FileReport, ImportOutcome } from "../wire/shapes";
import { t } from "../words/en";
import { Exact, Section } from "../parts/basic";
import { Problem } from "../parts/feedback";
import { Icon } from "../parts/icons";
import { toneOf } from "../model/states";

const TYPES = ".csv,.tsv,.txt,.xlsx,.xlsm,.json,.jsonl,.ndjson";
const KINDS = ["accounts", "contacts", "opportunities", "products", "activities", "teams", "territories", "notes", "documents", "enrichments"];
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  accounts: ["id", "name", "industry", "country", "city", "employees", "revenue", "currency", "founded", "parent", "website", "owner", "notes"],
  contacts: ["id", "name", "account", "title", "email", "phone", "linkedin", "unsubscribed", "notes"],
  products: ["id", "name", "series", "price", "currency", "description"],
  opportunities: ["id", "name", "account", "product", "owner", "stage", "amount", "currency", "opened", "closes", "next_step", "notes", "is_won", "is_closed"],
  activities: ["id", "name", "kind", "happened", "who", "account", "text"],
};

export function Import() {
  const client = useQueryClient();
  const [files, setFiles] = useState<readonly File[]>([]);
  const [corrections, correct] = useState<Readonly<Record<string, Correction>>>({});
  const preview = useMutation({ mutationFn: ({ chosen, said }: { chosen: readonly File[]; said: Readonly<Record<string, Correction>> }) => wire.importPreview(chosen, mappingOf(said)) });
  const store = useMutation({ mutationFn: () => wire.importFiles(files, mappingOf(corrections)), onSuccess: () => void client.invalidateQueries() });
  const take = (chosen: readonly File[]) => {
    if (!chosen.length) return;
    setFiles(chosen);
    correct({});
    store.reset();
    preview.mutate({ chosen, said: {} });
  };
  const change = (file: string, correction: Correction) => {
    const said = { ...corrections, [file]: correction };
    correct(said);
    preview.mutate({ chosen: files, said });
  };
  if (store.data) return <Stored report={store.data} onAgain={() => { setFiles([]); store.reset(); preview.reset(); }} />;
  return (
    <div className="stack gap5">
      {(!files.length || preview.isError) && <Drop onFiles={take} />}
      {preview.isError && <Problem error={preview.error} />}
      {preview.isPending && !preview.data && <p className="dim" role="status">{t.data.reading}</p>}
      {preview.data && files.length > 0 && (
        <>
          <div className="row spread">
            <div>
              <h2>{t.data.previewTitle}</h2>
              <p className="small dim">{t.data.previewLead}</p>
            </div>
            <div className="row">
              <button type="button" className="button bare" onClick={() => { setFiles([]); preview.reset(); }}>
                {t.data.again}
              </button>
              <button type="button" className="button first" disabled={store.isPending || preview.isPending || !preview.data.files.some((file) => file.kind)} onClick={() => store.mutate()}>
                {store.isPending ? t.data.storing : t.data.store}
              </button>
            </div>
          </div>
          {store.isError && <Problem error={store.error} />}
          {preview.data.files.map((file) => (
            <FileCard key={file.file} file={file} correction={corrections[file.file] ?? {}} onChange={(said) => change(file.file, said)} />
          ))}
          <Problems report={preview.data} />
        </>
      )}
    </div>
  );
}

function Drop({ onFiles }: { readonly onFiles: (files: readonly File[]) => void }) {
  const input = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  return (
    <div
      className={`drop${over ? " over" : ""}`}
      onDragOver={(event) => { event.preventDefault(); setOver(true); }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => { event.preventDefault(); setOver(false); onFiles([...event.dataTransfer.files]); }}
    >
      <Icon name="upload" size={28} />
      <p>{t.data.drop}</p>
      <button type="button" className="button" onClick={() => input.current?.click()}>
        {t.data.choose}
      </button>
      <input ref={input} type="file" multiple accept={TYPES} className="hush" tabIndex={-1} aria-label={t.data.choose} onChange={(event) => { onFiles([...(event.target.files ?? [])]); event.target.value = ""; }} />
    </div>
  );
}

function FileCard({ file, correction, onChange }: { readonly file: FileReport; readonly correction: Correction; readonly onChange: (said: Correction) => void }) {
  const isRead = file.kind !== "" && file.kind !== "documentation";
  const fields = FIELDS[file.kind] ?? [];
  return (
    <Section
      title={<span className="mono">{file.file}</span>}
      flush
      action={
        <>
          <span className="small dim num">
            {count(file.rows)} {t.data.rows}
          </span>
          <select className="select small" style={{ width: "auto" }} aria-label={`${t.data.readAs}: ${file.file}`} value={file.kind} onChange={(event) => onChange({ kind: event.target.value })}>
            {!KINDS.includes(file.kind) && <option value={file.kind}>{file.kind === "documentation" ? t.data.documentation : t.data.notRecognized}</option>}
            {KINDS.map((kind) => (
              <option key={kind} value={kind}>
                {t.data.kinds[kind] ?? words(kind)}
              </option>
            ))}
          </select>
        </>
      }
    >
      {isRead && (
        <div className="table-box" tabIndex={0} role="group" aria-label={file.file}>
          <table className="table">
            <thead>
              <tr>
                <th scope="col">{t.data.column}</th>
                <th scope="col">{t.data.field}</th>
                <th scope="col" className="num">
                  {t.data.sure}
                </th>
              </tr>
            </thead>
            <tbody>
              {file.columns.map((column) => (
                <tr key={column.column}>
                  <td className="mono">
                    <Exact>{column.column}</Exact>
                  </td>
                  <td>
                    <select
                      className="select small"
                      style={{ width: "auto", minWidth: "9rem" }}
                      aria-label={`${t.data.field}: ${column.column}`}
                      value={column.field}
                      onChange={(event) => onChange({ ...correction, kind: file.kind, columns: { ...correction.columns, [column.column]: event.target.value } })}
                    >
                      <option value="">{t.data.kept}</option>
                      {[...new Set([...fields, column.field])].filter(Boolean).map((field) => (
                        <option key={field} value={field}>
                          {words(field)}
                        </option>
                      ))}
                    </select>
                  </td>
                  <td className="num">{column.field ? <span className={`text-tone tone-${column.confidence >= 90 ? "good" : "wait"}`}>{column.confidence} %</span> : ""}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Section>
  );
}

function Problems({ report }: { readonly report: ImportOutcome }) {
  const { groups } = report;
  return (
    <Section title={t.data.problems}>
      {groups.length ? (
        <ul className="stack gap3">
          {groups.map((group, index) => (
            <li key={index} className="stack gap1">
              <p className="row">
                <span className={`state tone-${group.weight === "not_stored" ? "bad" : toneOf(group.weight)}`}>{t.data.weights[group.weight] ?? group.weight}</span>
                <span className="strong num">{count(group.count)}</span>
                <span className="wrap-any">
                  <Exact>{group.did}</Exact>
                </span>
              </p>
              {group.mend && <p className="small dim">{group.mend}</p>}
              <ul className="small mono dim stack" style={{ gap: 0 }}>
                {group.first.slice(0, 3).map((one, at) => (
                  <li key={at} className="wrap-any tiny">
                    {one.file}
                    {one.line > 0 && `:${one.line}`} {one.column} <Exact>{one.value}</Exact>
                  </li>
                ))}
              </ul>
            </li>
          ))}
        </ul>
      ) : (
        <p className="dim">{t.data.noProblems}</p>
      )}
    </Section>
  );
}

function Stored({ report, onAgain }: { readonly report: ImportOutcome; readonly onAgain: () => void }) {
  return (
    <div className="stack gap5">
      <div className="notice tone-good" role="status" style={{ alignItems: "center", flexWrap: "wrap" }}>
        <Icon name="check" />
        <div className="grow">
          <p className="title">{t.data.done}</p>
          <p>{t.data.doneSaid(report.added, report.changed, report.unchanged)}</p>
        </div>
        <Link className="button first" to="/">
          {t.nav.home}
        </Link>
        <button type="button" className="button" onClick={onAgain}>
          {t.data.again}
        </button>
      </div>
      <Problems report={report} />
    </div>
  );
}
