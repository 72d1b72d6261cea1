/** Where the page begins. */

import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { theme, wear } from "./app/look";
import { router } from "./app/router";
import { newClient } from "./app/session";
import { Toaster } from "./parts/feedback";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/parts.css";
import "./styles/pages.css";

wear(theme());
addEventListener("storage", () => wear(theme())); // chosen in another window
createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <QueryClientProvider client={newClient()}>
      <Toaster>
        <RouterProvider router={router} />
      </Toaster>
    </QueryClientProvider>
  </StrictMode>,
);
if ("serviceWorker" in navigator && import.meta.env.PROD) void navigator.serviceWorker.register(trusted("./worker.js")).catch(() => undefined);

/** The one script that the page names by itself; the server lets it name no other. */
function trusted(url: "./worker.js"): string {
  const types = (globalThis as { trustedTypes?: { createPolicy(name: string, rules: { createScriptURL: (url: string) => string }): { createScriptURL(url: string): string } } }).trustedTypes;
  return types ? types.createPolicy("cuga-worker", { createScriptURL: (one) => (one === url ? one : "") }).createScriptURL(url) : url;
}
