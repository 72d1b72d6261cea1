/** The addresses of the page. They live behind `#`, so a token in a link never reaches a server's log. */

import { createHashHistory, createRootRoute, createRoute, createRouter, lazyRouteComponent, Outlet } from "@tanstack/react-router";
import { Home } from "../pages/Home";
import { Bones, Broken } from "../parts/feedback";
import { Runs } from "../pages/Runs";
import { NotFound } from "../pages/NotFound";
import { Gate } from "./gate";
import { More } from "./shell";

const root = createRootRoute({
  component: () => (
    <Gate>
      <Outlet />
    </Gate>
  ),
  notFoundComponent: NotFound,
});

const str = (value: unknown): string | undefined => (typeof value === "string" && value ? value : typeof value === "number" ? String(value) : undefined);
const at = <const Path extends string>(path: Path) => ({ getParentRoute: () => root, path });

const routes = [
  createRoute({ ...at("/"), component: Home, validateSearch: (search): { goal?: string | undefined } => ({ goal: str(search.goal) }) }),
  createRoute({ ...at("/welcome/$token"), component: () => null }),
  createRoute({ ...at("/invitation/$token"), component: () => null }),
  createRoute({ ...at("/reset/$token"), component: () => null }),
  createRoute({ ...at("/runs"), component: Runs, validateSearch: (search): { status?: string | undefined; q?: string | undefined } => ({ status: str(search.status), q: str(search.q) }) }),
  createRoute({ ...at("/runs/$id"), component: lazyRouteComponent(() => import("../pages/Run"), "Run") }),
  createRoute({ ...at("/runs/$id/trace"), component: lazyRouteComponent(() => import("../pages/Trace"), "Trace"), validateSearch: (search): { at?: number | undefined } => ({ at: Number(search.at) || undefined }) }),
  createRoute({ ...at("/plans/$id"), component: lazyRouteComponent(() => import("../pages/Plan"), "Plan") }),
  createRoute({ ...at("/inbox"), component: lazyRouteComponent(() => import("../pages/Inbox"), "Inbox") }),
  createRoute({ ...at("/inbox/$id"), component: lazyRouteComponent(() => import("../pages/Inbox"), "Inbox") }),
  createRoute({ ...at("/approvals/$id"), component: lazyRouteComponent(() => import("../pages/Inbox"), "Inbox") }),
  createRoute({ ...at("/data"), component: lazyRouteComponent(() => import("../pages/Data"), "Data") }),
  createRoute({ ...at("/data/$kind"), component: lazyRouteComponent(() => import("../pages/Data"), "Data"), validateSearch: (search): { q?: string | undefined } => ({ q: str(search.q) }) }),
  createRoute({ ...at("/data/$kind/$id"), component: lazyRouteComponent(() => import("../pages/Record"), "Record") }),
  createRoute({ ...at("/signals"), component: lazyRouteComponent(() => import("../pages/Signals"), "Signals") }),
  createRoute({ ...at("/policy"), component: lazyRouteComponent(() => import("../pages/Policy"), "Policy") }),
  createRoute({ ...at("/policy/$tab"), component: lazyRouteComponent(() => import("../pages/Policy"), "Policy") }),
  createRoute({ ...at("/audit"), component: lazyRouteComponent(() => import("../pages/Audit"), "Audit") }),
  createRoute({ ...at("/audit/oversight"), component: lazyRouteComponent(() => import("../pages/Oversight"), "Oversight") }),
  createRoute({ ...at("/people"), component: lazyRouteComponent(() => import("../pages/People"), "People") }),
  createRoute({ ...at("/more"), component: More }),
  createRoute({ ...at("/settings"), component: lazyRouteComponent(() => import("../pages/Settings"), "Settings") }),
] as const;

export const router = createRouter({
  routeTree: root.addChildren(routes),
  history: createHashHistory(),
  defaultPreload: "intent",
  defaultPendingMs: 150,
  defaultPendingComponent: () => (
    <div className="page">
      <Bones lines={6} card />
    </div>
  ),
  defaultErrorComponent: ({ error }) => (
    <div className="page">
      <Broken error={error} />
    </div>
  ),
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
