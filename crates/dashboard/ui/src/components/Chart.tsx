import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { Series } from "../lib/rates";
import { isDark } from "../live/theme";

interface Props {
  series: Series;
  /** Names of the lines. */
  names: string[];
  format: (value: number) => string;
  height: number;
  label: string;
  /** Changes when points were added. */
  version: number;
  /** Marks each point, where they are few and far between. */
  points?: boolean;
  /** Steps of the axis that read well, where they are not those of the decimal system. */
  steps?: number[];
}

/** Lines over time. A new `series` or theme draws the chart anew, new points only move it on. */
export function Chart({ series, names, format, height, label, version, points = false, steps }: Props) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [hovered, setHovered] = useState<number | null>(null);
  const dark = isDark.value;

  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const chart = new uPlot(options(element, { names, format, height, points, steps }, setHovered), data(series), element);
    plot.current = chart;
    const observer = new ResizeObserver(() => chart.setSize({ width: element.clientWidth, height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      chart.destroy();
      plot.current = null;
    };
  }, [series, dark, height]);

  useEffect(() => plot.current?.setData(data(series)), [series, version]);

  const at = hovered ?? series.times.length - 1;
  return (
    <figure class="chart" aria-label={label}>
      <figcaption class="legend">
        {names.map((name, i) => {
          const value = series.lines[i]?.[at];
          return (
            <span key={name} class="legend-item">
              <span class={`swatch swatch-${i}`} aria-hidden="true" />
              {name} <strong>{value == null ? "–" : format(value)}</strong>
            </span>
          );
        })}
      </figcaption>
      <div ref={host} class="chart-plot" />
    </figure>
  );
}

function data(series: Series): uPlot.AlignedData {
  return [series.times.map((time) => time / 1000), ...series.lines] as uPlot.AlignedData;
}

/** The shortest time that fills the chart's width: two points must not look like a trend. */
const SHORTEST_SPAN_S = 60;

type Look = Pick<Props, "names" | "format" | "height" | "points"> & { steps: number[] | undefined };

function options(element: HTMLElement, { names, format, height, points = false, steps }: Look, hover: (index: number | null) => void): uPlot.Options {
  const css = getComputedStyle(element);
  const color = (name: string) => css.getPropertyValue(name).trim();
  const axis = {
    stroke: color("--muted"),
    grid: { stroke: color("--grid"), width: 1 },
    ticks: { show: false },
    font: "11px system-ui, sans-serif",
  };
  return {
    width: Math.max(100, element.clientWidth),
    height,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
    padding: [8, 8, 0, 0],
    scales: {
      x: { time: true, range: (_u, min, max) => [Math.min(min, max - SHORTEST_SPAN_S), max] },
      y: { range: (_u, _min, max) => [0, Math.max(max * 1.08, 1)] },
    },
    axes: [
      { ...axis, space: 80, size: 28, values: (_u, times) => times.map(clock) },
      { ...axis, size: 62, ...(steps ? { incrs: steps } : {}), values: (_u, values) => values.map((value) => (value === null ? "" : format(value))) },
    ],
    series: [
      {},
      ...names.map((_, i) => ({
        stroke: color(`--line-${i}`),
        fill: i === 0 ? color("--line-0-fill") : undefined,
        width: 1.75,
        points: { show: points, size: 5, fill: color(`--line-${i}`) },
        spanGaps: false,
      })),
    ] as uPlot.Series[],
    hooks: { setCursor: [(u) => hover(u.cursor.idx ?? null)] },
  };
}

function clock(seconds: number | null): string {
  if (seconds === null) return "";
  const t = new Date(seconds * 1000);
  return [t.getHours(), t.getMinutes(), t.getSeconds()].map((n) => String(n).padStart(2, "0")).join(":");
}
