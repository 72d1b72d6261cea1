/** Lines over time; fetched with the page that needs it. The same figures stand in a table for who cannot see lines. */

import { useEffect, useRef } from "react";
import uPlot from "uplot";
import { dayOrHour } from "../model/format";
import "uplot/dist/uPlot.min.css";

export interface Series {
  readonly label: string;
  readonly tone: string;
  readonly values: readonly number[];
  readonly fill?: boolean;
}

interface Props {
  readonly label: string;
  readonly at: readonly Date[];
  readonly series: readonly Series[];
  readonly say?: (value: number) => string;
}

export default function Chart({ label, at, series, say = String }: Props) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const here = box.current;
    if (!here) return;
    const colour = (name: string) => {
      const probe = document.createElement("i");
      probe.style.color = `var(--${name})`;
      here.append(probe);
      const found = getComputedStyle(probe).color;
      probe.remove();
      return found;
    };
    const draw = () => {
      here.replaceChildren();
      const axis = { stroke: colour("ink-3"), grid: { stroke: colour("line"), width: 1 }, ticks: { show: false }, font: "11px Inter, system-ui, sans-serif" };
      return new uPlot(
        {
          width: here.clientWidth,
          height: here.clientHeight,
          padding: [8, 8, 0, 0],
          legend: { show: false },
          cursor: { show: false },
          scales: { y: { range: (_, __, top) => [0, Math.max(top * 1.1, 1)] } },
          axes: [{ ...axis, space: 70, values: (_, marks) => marks.map((mark) => dayOrHour(new Date(mark * 1000))) }, { ...axis, size: 48, space: 34, values: (_, marks) => marks.map((mark) => say(mark)) }],
          series: [{}, ...series.map((one) => ({ label: one.label, stroke: colour(one.tone), width: 2, points: { show: at.length < 3 }, ...(one.fill ? { fill: `color-mix(in srgb, ${colour(one.tone)} 12%, transparent)` } : {}) }))],
        },
        [at.map((one) => +one / 1000), ...series.map((one) => [...one.values])],
        here,
      );
    };
    let plot = draw();
    const again = () => {
      plot.destroy();
      plot = draw();
    };
    const sized = new ResizeObserver(() => plot.setSize({ width: here.clientWidth, height: here.clientHeight }));
    sized.observe(here);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", again);
    const worn = new MutationObserver(again); // a theme that was chosen, here or in another window
    worn.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    return () => {
      sized.disconnect();
      worn.disconnect();
      dark.removeEventListener("change", again);
      plot.destroy();
    };
  }, [at, series, say]);
  return <div ref={box} className="chart" role="img" aria-label={label} />;
}
