import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { ChartData } from "../lib/history";
import { isDark } from "../live/theme";

interface Props {
  data: ChartData;
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
  steps?: number[] | undefined;
  /** The top of the axis, where it is known; else it is what the lines need. */
  top?: number | undefined;
  /** Colors of the lines by the names of their variables. */
  colors?: readonly string[] | undefined;
  /** Draws values as levels that hold until the next one. */
  stepped?: boolean;
  /** Charts of the same group show the same moment where the pointer is. */
  group?: string;
}

const COLORS = ["--line-0", "--line-1", "--line-2", "--line-3", "--line-4", "--line-5"];

/** Lines over time. Other names or another theme draw the chart anew, new points only move it on. */
export function Chart({ data, names, format, height, label, version, points = false, steps, top, colors = COLORS, stepped = false, group }: Props) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(format);
  latest.current = format;
  const [hovered, setHovered] = useState<number | null>(null);
  const dark = isDark.value;
  const look = JSON.stringify([names, colors, top, points, stepped, dark, height, group]);

  useEffect(() => {
    const element = host.current;
    if (!element) return;
    const settings = options(element, { names, format: (value) => latest.current(value), height, points, steps, top, colors, stepped, group }, setHovered);
    const chart = new uPlot(settings, aligned(data), element);
    plot.current = chart;
    const observer = new ResizeObserver(() => {
      if (element.clientWidth !== chart.width) chart.setSize({ width: element.clientWidth, height });
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      chart.destroy();
      plot.current = null;
    };
  }, [look]);

  useEffect(() => plot.current?.setData(aligned(data)), [data, version]);

  const at = hovered !== null && hovered < data.times.length ? hovered : data.times.length - 1;
  return (
    <figure class="chart" aria-label={label}>
      <figcaption class="legend">
        {names.map((name, i) => {
          const value = data.lines[i]?.[at];
          return (
            <span key={name} class="legend-item" title={name}>
              <span class="swatch" style={{ background: `var(${colors[i % colors.length]})` }} aria-hidden="true" />
              <span class="clip">{name}</span> <strong>{value == null ? "–" : format(value)}</strong>
            </span>
          );
        })}
        {hovered !== null && data.times[at] !== undefined && <span class="legend-time">{clock(data.times[at] / 1000, true)}</span>}
      </figcaption>
      <div ref={host} class="chart-plot" style={{ minHeight: `${height}px` }} />
    </figure>
  );
}

function aligned(data: ChartData): uPlot.AlignedData {
  return [data.times.map((time) => time / 1000), ...data.lines] as uPlot.AlignedData;
}

/** The shortest time that fills the chart's width: two points must not look like a trend. */
const SHORTEST_SPAN_S = 60;
/** Distances of time that read well, in seconds: finer ones than the chart library's own. */
const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 300, 600, 900, 1200, 1800, 3600, 7200, 14_400, 43_200, 86_400];
/** From this span on an axis leaves the seconds out. */
const WITHOUT_SECONDS_S = 600;

type Look = Required<Pick<Props, "names" | "format" | "height" | "points" | "stepped">> & { steps: number[] | undefined; top: number | undefined; colors: readonly string[]; group: string | undefined };

function options(element: HTMLElement, { names, format, height, points, steps, top, colors, stepped, group }: Look, hover: (index: number | null) => void): uPlot.Options {
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
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 }, ...(group ? { sync: { key: group } } : {}) },
    padding: [8, 22, 0, 0],
    scales: {
      x: { time: true, range: (_u, min, max) => [Math.min(min, max - SHORTEST_SPAN_S), max] },
      y: { range: (_u, _min, max) => [0, top ?? (max > 0 ? max * 1.08 : 1)] },
    },
    axes: [
      { ...axis, space: 64, size: 26, incrs: TIME_STEPS, values: (_u, times) => times.map((time) => clock(time, (times.at(-1) ?? 0) - (times[0] ?? 0) < WITHOUT_SECONDS_S)) },
      { ...axis, size: 64, space: 28, ...(steps ? { incrs: steps } : {}), values: (_u, values) => values.map((value) => (value === null ? "" : format(value))) },
    ],
    series: [
      {},
      ...names.map((_, i) => {
        const stroke = color(colors[i % colors.length] ?? "--line-0");
        return {
          stroke,
          fill: i === 0 ? `${stroke}1a` : undefined,
          width: 1.75,
          // A value without a neighbor would be no line: it is a point.
          points: points ? { show: true, size: 5, fill: stroke } : { size: 4, fill: stroke, filter: lone, show: true },
          spanGaps: false,
          ...(stepped ? { paths: uPlot.paths.stepped?.({ align: 1 }) } : {}),
        };
      }),
    ] as uPlot.Series[],
    hooks: { setCursor: [(u) => hover(u.cursor.idx ?? null)] },
  };
}

/** Where a value stands alone between unknown ones. */
function lone(u: uPlot, series: number, show: boolean): number[] | null {
  const values = u.data[series];
  if (!show || !values) return null;
  const out: number[] = [];
  for (let i = 0; i < values.length; i++) if (values[i] != null && values[i - 1] == null && values[i + 1] == null) out.push(i);
  return out;
}

function clock(seconds: number | null, exact: boolean): string {
  if (seconds === null) return "";
  const t = new Date(seconds * 1000);
  return [t.getHours(), t.getMinutes(), ...(exact ? [t.getSeconds()] : [])].map((n) => String(n).padStart(2, "0")).join(":");
}
