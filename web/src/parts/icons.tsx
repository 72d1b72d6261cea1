/** Icons, drawn with one pen: 20 by 20, lines of 1.6. They say nothing to a screen reader; the words beside them do. */

import type { ReactNode } from "react";

const PATHS = {
  home: <path d="M3 9.2 10 3.5l7 5.7M5 8v8.5h10V8M8.2 16.5v-5h3.6v5" />,
  runs: <path d="M4 5h7M4 10h12M4 15h9M14.5 3.5 17 5l-2.5 1.5z" />,
  inbox: <path d="M3 11.5 5.2 4.5h9.6l2.2 7v4H3zM3 11.5h4l1 2h4l1-2h4" />,
  data: <path d="M4 5.2C4 4 6.7 3 10 3s6 1 6 2.2-2.7 2.2-6 2.2-6-1-6-2.200zM4 5.200v9.600C4 16 6.7 17 10 17s6-1 6-2.200V5.200M4 10c0 1.2 2.7 2.2 6 2.200s6-1 6-2.2" />,
  signals: <path d="M3 16.500h14M5 13.500V10M9 13.500V4.500M13 13.500V8M16.5 13.500v-2" />,
  policy: <path d="M10 2.8 4 5v4.800c0 3.5 2.5 6.2 6 7.4 3.5-1.2 6-3.9 6-7.400V5zM7.3 9.800l2 2 3.5-3.7" />,
  audit: <path d="M5 3h7l3 3v11H5zM12 3v3h3M7.5 9.500h5M7.5 12.500h5" />,
  people: <path d="M7.5 9.500a2.7 2.7 0 1 0 0-5.4 2.7 2.7 0 0 0 0 5.400zM2.5 16c.4-2.7 2.4-4.2 5-4.200s4.6 1.5 5 4.200M13 9.300a2.3 2.3 0 1 0-.8-4.500M14 11.900c2 .3 3.3 1.6 3.6 3.7" />,
  settings: <path d="M10 12.600a2.6 2.6 0 1 0 0-5.2 2.6 2.6 0 0 0 0 5.200zM10 2.500v2M10 15.500v2M2.5 10h2M15.5 10h2M4.7 4.700l1.4 1.400M13.9 13.900l1.4 1.400M15.3 4.700l-1.4 1.400M6.1 13.900l-1.4 1.4" />,
  more: <path d="M4.5 10h.01M10 10h.01M15.5 10h.01" strokeWidth="2.6" />,
  search: <path d="M9 14.500a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11zM13 13l4 4" />,
  spark: <path d="M10 3v4M10 13v4M3 10h4M13 10h4M5.5 5.5 7.7 7.700M12.3 12.300l2.2 2.200M14.5 5.500l-2.2 2.200M7.7 12.300l-2.2 2.2" />,
  close: <path d="m5 5 10 10M15 5 5 15" />,
  down: <path d="m5.5 8 4.5 4.500L14.5 8" />,
  right: <path d="m8 5.5 4.5 4.500L8 14.5" />,
  left: <path d="M12 5.5 7.5 10l4.5 4.5" />,
  check: <path d="m4.5 10.5 3.7 3.7 7.3-8" />,
  warn: <path d="M10 3.5 2.8 16.500h14.400zM10 8.500v3.500M10 14.300h.01" />,
  link: <path d="M8.5 11.500a3 3 0 0 0 4.3 0l2.7-2.700a3 3 0 0 0-4.3-4.300L10 5.700M11.5 8.500a3 3 0 0 0-4.3 0l-2.7 2.700a3 3 0 0 0 4.3 4.300l1.2-1.2" />,
  copy: <path d="M7 7V4h9v9h-3M4 7h9v9H4z" />,
  clock: <path d="M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM10 6v4.200l2.8 1.8" />,
  stop: <path d="M7 3h6l4 4v6l-4 4H7l-4-4V7z" />,
  file: <path d="M5 3h7l3 3v11H5zM12 3v3h3" />,
  plus: <path d="M10 4v12M4 10h12" />,
  sun: <path d="M10 13.200a3.2 3.2 0 1 0 0-6.4 3.2 3.2 0 0 0 0 6.400zM10 2.500v1.500M10 16v1.500M2.5 10H4M16 10h1.500M4.7 4.700l1 1M14.3 14.300l1 1M15.3 4.700l-1 1M5.7 14.300l-1 1" />,
  moon: <path d="M16 11.500A6.5 6.5 0 0 1 8.5 4a6.5 6.5 0 1 0 7.5 7.500z" />,
  trace: <path d="M3 5h6M6 10h7M9 15h8" strokeWidth="2.4" />,
  graph: <path d="M3.5 8h4v4h-4zM12.5 3.500h4v4h-4zM12.5 12.500h4v4h-4zM7.5 10h2.500V5.500h2.500M10 10v4.500h2.5" />,
  out: <path d="M8 4H4v12h4M9 10h8M14 7l3 3-3 3" />,
  mail: <path d="M3 5h14v10H3zM3 6l7 5.500L17 6" />,
  upload: <path d="M10 13V4M6.5 7.5 10 4l3.5 3.500M4 13v3h12v-3" />,
  lock: <path d="M5 9h10v7.500H5zM7 9V6.500a3 3 0 0 1 6 0V9" />,
} satisfies Record<string, ReactNode>;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 18 }: { readonly name: IconName; readonly size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 20 20" fill="none" stroke="currentColor" strokeWidth="1.6" strokeLinecap="round" strokeLinejoin="round" aria-hidden="true">
      {PATHS[name]}
    </svg>
  );
}

/** The mark: a gate with one way through. */
export function Mark({ size = 26 }: { readonly size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 64 64" aria-hidden="true">
      <rect width="64" height="64" rx="15" fill="var(--ink)" />
      <path d="M46 22.500A17 17 0 1 0 46 41.5" fill="none" stroke="var(--paper)" strokeWidth="7" strokeLinecap="round" />
      <circle cx="45" cy="32" r="5" fill="var(--mark, #e0a030)" />
    </svg>
  );
}
