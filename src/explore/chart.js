// The chart: buckets as steps with their true start and end, raw points as a line, gaps as gaps.
// uPlot draws it (https://github.com/leeoniya/uPlot).

import { axisNumber, axisTime, length, number, time } from "./format.js";

// On a phone, the whole chart is in the first screen.
const isNarrow = matchMedia("(max-width: 36rem)");
const height = () => (isNarrow.matches ? 220 : 320);
const LEAST_SPAN = 1_000;

// A bucket is a level line from its start to its end. A gap lies where the next one begins later.
function coordinates(points) {
  const xs = [];
  const ys = [];
  points.forEach(([value, start, end], index) => {
    if (end === undefined) {
      xs.push(start);
      ys.push(value);
      return;
    }
    xs.push(start, end);
    ys.push(value, value);
    const next = points[index + 1];
    if (next && next[1] > end) {
      xs.push(end);
      ys.push(null);
    }
  });
  return [xs, ys];
}

// The part of the value axis: with zero, if that is near.
function heights(min, max) {
  if (min === null) return [0, 1];
  const space = (max - min || Math.abs(max) || 1) * 0.08;
  const isNear = min >= 0 && min < max * 0.6;
  return [isNear || (min === 0 && max === 0) ? 0 : min - space, max + space];
}

function reading([value, start, end]) {
  if (end === undefined) return `${number(value)} at ${time(start)}`;
  return `${number(value)} from ${time(start)}, for ${length(end - start)}`;
}

export class Chart {
  constructor(place, output, onZoom) {
    Object.assign(this, { place, output, onZoom, points: [], at: -1 });
    place.addEventListener("keydown", (event) => this.onKey(event));
    new ResizeObserver(() => this.resize()).observe(place);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  show(points, range, keepsZoom) {
    const zoom = keepsZoom && this.isZoomed ? this.span() : null;
    Object.assign(this, { points, range, at: -1 });
    this.draw(zoom);
  }

  draw(zoom = this.isZoomed ? this.span() : null) {
    this.plot?.destroy();
    this.plot = null;
    if (!this.points.length || this.place.hidden) {
      this.min = this.max = undefined;
      this.onZoom(false);
      return;
    }
    const style = getComputedStyle(this.place);
    const color = (name) => style.getPropertyValue(name).trim();
    const grid = { stroke: color("--line"), width: 1 };
    const axis = { stroke: color("--quiet"), grid, ticks: grid, font: `12px ${style.fontFamily}` };
    const [, start, end] = this.points[0];
    const [from, to] = zoom ?? this.whole();
    // A bucket that is narrower than this many pixels would not be seen as a line.
    const isNarrowBucket = end - start < ((to - from) / this.place.clientWidth) * 4;
    const isRaw = end === undefined && this.points.length < 200;
    this.plot = new uPlot({
      width: this.place.clientWidth,
      height: height(),
      ms: 1,
      legend: { show: false },
      cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: false } },
      scales: {
        x: { time: true, range: () => this.span() },
        y: { range: (_, min, max) => heights(min, max) },
      },
      series: [{}, {
        stroke: color("--accent"), width: 2, fill: color("--accent-soft"),
        points: { show: isRaw || (isNarrowBucket && this.points.length < 500), size: 5, fill: color("--accent") },
        spanGaps: false,
      }],
      axes: [
        { ...axis, values: (_, marks, __, ___, step) => marks.map((mark) => axisTime(mark, step)) },
        { ...axis, size: 64, values: (_, marks) => marks.map((mark) => (mark === null ? "" : axisNumber(mark))) },
      ],
      hooks: {
        setCursor: [(plot) => plot.cursor.left >= 0 && this.point(plot.posToVal(plot.cursor.left, "x"))],
        setSelect: [(plot) => {
          const [from, to] = [plot.select.left, plot.select.left + plot.select.width];
          if (plot.select.width > 4) this.zoom(plot.posToVal(from, "x"), plot.posToVal(to, "x"));
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        }],
      },
    }, coordinates(this.points), this.place);
    this.plot.over.addEventListener("dblclick", () => this.all());
    if (zoom) this.zoom(...zoom);
    else this.all();
  }

  span() {
    return this.isZoomed ? [this.min, this.max] : this.whole();
  }

  // Points may reach past the range.
  whole() {
    const last = this.points.at(-1);
    const end = Math.max(last[2] ?? last[1], this.range[1]);
    const start = Math.min(this.points[0][1], this.range[0]);
    return [start, Math.max(end, start + LEAST_SPAN)];
  }

  get isZoomed() {
    return this.min !== undefined;
  }

  zoom(from, to) {
    if (!this.plot) return;
    const [start, end] = this.whole();
    const width = Math.min(Math.max(to - from, LEAST_SPAN), end - start);
    const left = Math.min(Math.max(from, start), end - width);
    const isAll = width >= end - start;
    this.min = isAll ? undefined : left;
    this.max = isAll ? undefined : left + width;
    this.plot.setScale("x", { min: left, max: left + width });
    this.onZoom(!isAll);
  }

  all() {
    if (!this.plot) return;
    this.zoom(...this.whole());
  }

  // Zooms around the point at which the person is.
  zoomBy(factor) {
    if (!this.plot) return;
    const { min, max } = this.plot.scales.x;
    const here = this.points[this.at]?.[1];
    const middle = here >= min && here <= max ? here : (min + max) / 2;
    this.zoom(middle - (middle - min) * factor, middle + (max - middle) * factor);
  }

  // Tells the bucket that holds a time, or the nearest raw point.
  point(millis) {
    let [low, high] = [0, this.points.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.points[middle][1] <= millis) low = middle + 1;
      else high = middle;
    }
    const before = this.points[low - 1];
    const after = this.points[low];
    let at = low - 1;
    if (!before) at = 0;
    else if (before.length === 2 && after && after[1] - millis < millis - before[1]) at = low;
    const isGap = before ? millis >= before[2] : after.length === 3;
    this.tell(at, isGap ? "no point here" : undefined);
  }

  tell(at, text) {
    this.at = at;
    this.output.textContent = text ?? reading(this.points[at]);
  }

  onKey(event) {
    // These are the browser's own.
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 }[event.key];
    if (step || event.key === "Home" || event.key === "End") {
      const last = this.points.length - 1;
      const to = event.key === "Home" ? 0 : event.key === "End" ? last : this.at < 0 && step < 0 ? last : this.at + step;
      this.moveTo(Math.min(Math.max(to, 0), last));
    } else if (event.key === "+" || event.key === "=") this.zoomBy(1 / 2);
    else if (event.key === "-") this.zoomBy(2);
    else if (event.key === "0") this.all();
    else return;
    event.preventDefault();
  }

  moveTo(at) {
    const [, start, end = start] = this.points[at];
    const middle = (start + end) / 2;
    const { min, max } = this.plot.scales.x;
    if (middle < min || middle > max) this.zoom(middle - (max - min) / 2, middle + (max - min) / 2);
    this.plot.setCursor({ left: this.plot.valToPos(middle, "x"), top: 0 }, false);
    this.tell(at);
  }

  resize() {
    const width = this.place.clientWidth;
    if (this.plot && width && width !== this.plot.width) this.plot.setSize({ width, height: height() });
  }
}
