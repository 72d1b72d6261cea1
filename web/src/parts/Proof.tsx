/** Asks who acts to prove who they are, wherever the server wants that; the wish that was refused is then sent again. */

import { useEffect, useRef, useState } from "react";
import { useQuery } from "@tanstack/react-query";
import { useMe } from "../app/session";
import * as wire from "../wire/house";
import { proveWith } from "../wire/http";
import { t } from "../words/en";
import { Ask, Dialog } from "./dialog";

export function Proof() {
  const me = useMe();
  const [asked, setAsked] = useState(false);
  const answer = useRef<(proved: boolean) => void>(() => undefined);
  useEffect(
    () =>
      proveWith(
        () =>
          new Promise<boolean>((resolve) => {
            answer.current = resolve;
            setAsked(true);
          }),
      ),
    [],
  );
  const close = () => {
    setAsked(false);
    answer.current(false); // after a proof it has been answered already
  };
  if (!me.hasPassword)
    return (
      <Dialog open={asked} onClose={close} title={t.entrance.stepUpTitle} lead={t.entrance.stepUpAnew}>
        <AtProvider />
      </Dialog>
    );
  return (
    <Ask
      open={asked}
      onClose={close}
      title={t.entrance.stepUpTitle}
      lead={t.entrance.stepUpLead}
      label={t.entrance.password}
      type="password"
      submit={t.entrance.confirm}
      onSubmit={async (password) => {
        await wire.stepUp(password);
        answer.current(true);
      }}
    >
      {me.way === "oidc" && <AtProvider />}
    </Ask>
  );
}

function AtProvider() {
  const ways = useQuery({ queryKey: ["ways"], queryFn: wire.ways });
  if (!ways.data?.oidc) return null;
  return (
    <a className="button" href="/api/login/oidc?step_up=true">
      {t.entrance.oidcAgain}
    </a>
  );
}
