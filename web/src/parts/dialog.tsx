/** Something over the page: a sheet from below on a phone, a window above on a desk. Escape closes, focus stays inside. */

import { Dialog as D } from "radix-ui";
import { useState, type FormEvent, type ReactNode } from "react";
import { t } from "../words/en";
import { Field } from "./basic";
import { Problem } from "./feedback";
import { Icon } from "./icons";

interface Shown {
  readonly open: boolean;
  readonly onClose: () => void;
  readonly title: ReactNode;
  readonly lead?: ReactNode;
  readonly wide?: string;
  readonly footer?: ReactNode;
  readonly children: ReactNode;
  readonly onKey?: (event: React.KeyboardEvent) => void;
}

export function Dialog({ open, onClose, title, lead, wide, footer, children, onKey }: Shown) {
  return (
    <D.Root open={open} onOpenChange={(now) => !now && onClose()}>
      <D.Portal>
        <D.Overlay className="veil" />
        <D.Content
          className="dialog"
          style={wide ? ({ "--wide": wide } as React.CSSProperties) : undefined}
          onKeyDown={onKey}
          {...(lead ? {} : { "aria-describedby": undefined })}
          onOpenAutoFocus={(event) => {
            // never the button that agrees: the first thing to read, or a field to write into
            const inside = event.currentTarget as HTMLElement | null;
            const field = inside?.querySelector<HTMLElement>("[data-autofocus]");
            event.preventDefault();
            (field ?? inside?.querySelector<HTMLElement>("[data-title]") ?? inside)?.focus();
          }}
        >
          <header>
            <div className="grow stack gap1">
              <D.Title asChild>
                <h2 data-title tabIndex={-1}>
                  {title}
                </h2>
              </D.Title>
              {lead && (
                <D.Description asChild>
                  <p className="small dim">{lead}</p>
                </D.Description>
              )}
            </div>
            <D.Close asChild>
              <button type="button" className="button bare icon" aria-label={t.common.close}>
                <Icon name="close" />
              </button>
            </D.Close>
          </header>
          <div className="body" tabIndex={0} role="region" aria-label={typeof title === "string" ? title : t.ask.title}>
            {children}
          </div>
          {footer && <footer>{footer}</footer>}
        </D.Content>
      </D.Portal>
    </D.Root>
  );
}

interface Asked {
  readonly open: boolean;
  readonly onClose: () => void;
  readonly title: string;
  readonly lead?: ReactNode;
  readonly label?: string;
  readonly submit: string;
  readonly risky?: boolean;
  readonly optional?: boolean;
  readonly type?: "text" | "password";
  readonly children?: ReactNode;
  readonly onSubmit: (said: string) => Promise<unknown>;
}

/** A dialog that asks for a sentence, e.g. a reason, and does something with it. */
export function Ask({ open, onClose, title, lead, label = t.common.reason, submit, risky, optional, type = "text", children, onSubmit }: Asked) {
  const [said, say] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const close = () => {
    say("");
    setError(null);
    onClose();
  };
  const go = async (event: FormEvent) => {
    event.preventDefault();
    if (busy || (!optional && !said.trim())) return;
    setBusy(true);
    setError(null);
    try {
      await onSubmit(said.trim());
      close();
    } catch (refused) {
      setError(refused);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog open={open} onClose={close} title={title} lead={lead}>
      <form className="stack" onSubmit={(event) => void go(event)}>
        {children}
        <Field label={optional ? `${label} (${t.common.optional})` : label}>
          {type === "password" ? (
            <input className="input" type="password" autoComplete="current-password" data-autofocus value={said} onChange={(event) => say(event.target.value)} />
          ) : (
            <textarea className="area" rows={2} data-autofocus value={said} onChange={(event) => say(event.target.value)} />
          )}
        </Field>
        {error != null && <Problem error={error} />}
        <div className="row">
          <button type="submit" className={`button ${risky ? "risky" : "first"}`} disabled={busy || (!optional && !said.trim())}>
            {submit}
          </button>
          <button type="button" className="button bare" onClick={close}>
            {t.common.cancel}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
