// The page: what a person chooses → the four calls → what StackState would see.

import { Chart } from "./chart.js";
import {
  connection, isExample, isKnown, isRandom, isEmpty, openFor, REPLACE, requestDetails, start as startConnection,
} from "./connection.js";
import { $, element, fill, on } from "./dom.js";
import { Filters } from "./filters.js";
import { counted, length, timeRange, zone } from "./format.js";
import { showForms, startForms } from "./forms.js";
import { ALL, ask, base, lines, MirrorFailure, requests } from "./mirror.js";
import { isExpression, isGraph, titleOf } from "./stackstate.js";
import { showTable, turn } from "./table.js";
import { copy, copyCurl, showExchange } from "./wire.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const METHODS = [
  "MEAN", "MAX", "MIN", "SUM", "SUM_NO_ZEROS", "EVENT_COUNT", "EVENT_COUNT_NO_ZEROS",
  ...[25, 50, 75, 90, 95, 98, 99].map((percent) => `PERCENTILE_${percent}`),
];
const BUCKETS = [10_000, 30_000, MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 6 * HOUR, DAY];
const RANGES = [5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY,
  2 * DAY, 7 * DAY, 14 * DAY, 15 * DAY, 30 * DAY, 90 * DAY];
const REFRESHES = [0, 10_000, 30_000, MINUTE, 5 * MINUTE];
const PATIENCE = 300;

let points = [];
let waiting = null;
let timer = 0;
// What was asked for last, and what the chart shows.
let asked = null;
let drawn = null;

const chart = new Chart($("chart"), $("reading"), (isZoomed) => {
  $("zoom-out").disabled = $("zoom-all").disabled = !isZoomed;
});

function range() {
  if ($("range").value !== "custom") {
    const end = Date.now();
    return { start: end - Number($("range").value), end };
  }
  const [start, end] = ["from", "to"].map((id) => new Date($(id).value).getTime());
  if (Number.isNaN(start) || Number.isNaN(end)) {
    throw new MirrorFailure("The range is not complete", "Enter the times From and To.");
  }
  if (end < start) throw new MirrorFailure("From is after To", "Enter an earlier time From, or a later one To.");
  return { start, end };
}

const filters = new Filters({ scope: range, connection, onChange: () => draw() });

// The chart

function aggregation() {
  const method = $("method").value;
  return method ? { method, bucketSizeMillis: Number($("bucket").value) } : null;
}

function showError(error) {
  const [title, ...rest] = lines(error);
  openFor(error);
  tell();
  $("error").hidden = false;
  $("error").replaceChildren(
    element("strong", { textContent: title }), ...rest.map((text) => element("p", { textContent: text })),
  );
}

// Gives up what is asked for, and begins to wait for something else.
function wait() {
  waiting?.abort();
  clearTimeout(timer);
  waiting = new AbortController();
  const { signal } = waiting;
  const begun = Date.now();
  const tick = setInterval(() => {
    const seconds = Math.floor((Date.now() - begun) / 1_000);
    tell();
    $("waiting").hidden = false;
    $("waiting").replaceChildren(element("span", { className: "spinner" }), `Waiting for the mirror, ${seconds} s …`);
  }, PATIENCE);
  const end = () => {
    clearInterval(tick);
    // Another wait has taken over.
    if (waiting?.signal !== signal) return;
    $("waiting").hidden = true;
    schedule();
  };
  return { signal, end };
}

// Draws what is chosen. A refresh asks the same again: what a person types meanwhile does not count.
async function draw(isRefresh = false) {
  if (isRefresh && !asked) return schedule();
  const { signal, end } = wait();
  $("bucket").disabled = !$("method").value;
  $("custom").hidden = $("range").value !== "custom";
  $("partial").hidden = true;
  const last = asked;
  if (!isRefresh) {
    asked = null;
    writeAddress();
    // Other data must not look like that of these details.
    if (drawn && drawn.details !== $("details").value) empty();
  }
  try {
    if (!isRefresh && await isUnfinished(signal)) return;
    asked = isRefresh ? { ...last, ...(last.span && lately(last.span)) } : chosen();
    const wanted = asked;
    const { telemetry } = await ask(metricCall(wanted), { ...wanted, signal });
    drawn = wanted;
    showForms(drawn);
    points = telemetry.points;
    showPoints(telemetry.isPartial, isRefresh);
  } catch (error) {
    if (signal.aborted) return;
    empty();
    showError(error);
  } finally {
    end();
  }
}

// Tells what is still to be chosen, before a query that would be an error. Only the mirror knows which source
// the details mean, and it says so with the list of fields, which the next filter needs in any case.
async function isUnfinished(signal) {
  if (isExample()) return unfinished(...REPLACE);
  if (filters.isComplete || isRandom()) return false;
  if (!isKnown()) await filters.fieldNames(signal);
  if (isRandom()) return false;
  return unfinished("Select a metric field", filters.pairs.some(([name]) => name === "Namespace")
    ? "Its list has the metrics that the filters leave." : "Choose the filter Namespace first. Then the list has its metrics.");
}

function unfinished(...why) {
  empty();
  tell(...why);
  return true;
}

const lately = (span) => ({ start: Date.now() - span, end: Date.now() });

const chosen = () => ({
  ...connection(), ...range(), filters: filters.pairs, span: Number($("range").value) || 0, metric: filters.metric,
  aggregation: aggregation(), limit: limit(), method: $("method").value, bucket: Number($("bucket").value),
});

const metricCall = (wanted) => requests.metric(wanted, wanted.metric, wanted.aggregation, wanted.limit);

// Asks from the last point on, again and again, as StackState does.
async function loadRest() {
  const { signal, end } = wait();
  $("more").disabled = true;
  try {
    let isPartial = true;
    while (isPartial) {
      const last = points.at(-1);
      const { telemetry } = await ask(metricCall({ ...drawn, start: last?.[1] ?? drawn.start }), { ...drawn, signal });
      const fresh = telemetry.points.filter((point) => !last || point[1] > last[1]);
      points = [...points, ...fresh];
      isPartial = telemetry.isPartial;
      showPoints(isPartial, true);
      if (isPartial && !fresh.length) {
        throw new MirrorFailure("The mirror sent no further point", "Each answer begins with the last point. Use a limit above 1.");
      }
    }
  } catch (error) {
    if (!signal.aborted) showError(error);
  } finally {
    end();
    $("more").disabled = false;
  }
}

// Takes the chart away.
function empty() {
  points = [];
  drawn = null;
  showForms(null);
  showPoints(false);
  $("chart-title").textContent = "Chart";
  $("summary").textContent = "";
}

// Tells why there is no chart, or nothing.
function tell(title, ...texts) {
  $("state").replaceChildren(...(title ? [element("strong", { textContent: title })] : []),
    ...texts.map((text) => element("p", { textContent: text })));
}

const limit = () => ($("limit").value === "" ? ALL : Number($("limit").value));

// Why an answer may have no points.
function noPoints(filters) {
  if (filters.some(isGraph)) return "CloudWatch does not tell whether the metrics of a graph exist: compare names and dimensions, or try a longer range.";
  return "This range has no data. Try a longer range, larger buckets or other filters. For a metric that comes once a day, choose days, or add the filter HoldSeconds.";
}

function showPoints(isPartial, keepsZoom = false) {
  const hasPoints = points.length > 0;
  $("error").hidden = true;
  $("chart").hidden = $("chart-keys").hidden = !hasPoints;
  $("partial").hidden = !isPartial;
  $("zoom-in").disabled = !hasPoints;
  $("reading").textContent = "";
  tell();
  if (drawn) {
    if (!hasPoints && !isPartial) tell("No points", noPoints(drawn.filters));
    const { start, end, filters, metric } = drawn;
    // An expression aggregates itself.
    const method = filters.some(isExpression) ? "Expression" : [...$("method").options].find(({ value }) => value === drawn.method).text;
    $("chart-title").textContent = titleOf(filters) || metric || "Chart";
    const bucket = points[0]?.[2] - points[0]?.[1];
    const size = bucket ? `, buckets of ${length(bucket)}` : "";
    $("summary").textContent = `${method}, ${counted(points.length, "point", "points")}${size}, `
      + `${timeRange(start, end)} (${zone()})`;
    const wanted = drawn.aggregation?.bucketSizeMillis;
    $("longer").hidden = !(bucket > wanted);
    $("longer").textContent = `The buckets are ${length(bucket)} long, not ${length(wanted)}: the mirror has no shorter ones `
      + "of this metric in this range. StackState gets the same.";
    chart.show(points, [start, end], keepsZoom);
  } else {
    $("longer").hidden = true;
    chart.show([], [0, 1]);
  }
  showTable(points);
}

// Live refresh

function schedule() {
  clearTimeout(timer);
  const every = Number($("live").value);
  if (every) {
    timer = setTimeout(() => (document.hidden ? schedule() : draw(true)), every);
  }
}

// The address holds what is chosen, but nothing of the connection.

const TIMES = ["from", "to"];
const FIELDS = ["method", "bucket", "range", "live", "limit", ...TIMES];

// A time in epoch milliseconds as From and To have it: local, and empty if there is none.
function local(millis) {
  const shown = new Date(millis - new Date(millis).getTimezoneOffset() * MINUTE);
  return millis && !Number.isNaN(shown.getTime()) ? shown.toISOString().slice(0, 19) : "";
}

function writeAddress() {
  const address = new URLSearchParams();
  for (const pair of filters.pairs) address.append("filter", JSON.stringify(pair));
  if (filters.metric) address.set("metric", filters.metric);
  for (const id of FIELDS) {
    const isShown = !TIMES.includes(id) || $("range").value === "custom";
    const value = TIMES.includes(id) ? Date.parse($(id).value) : $(id).value;
    if (isShown && $(id).value !== DEFAULTS[id]) address.set(id, value);
  }
  if (!isEmpty()) address.set("connection", "other");
  history.replaceState(null, "", `${location.pathname}${location.search}#${address}`);
}

function readAddress() {
  const address = new URLSearchParams(location.hash.slice(1));
  filters.set(address.getAll("filter").map(parseFilter).filter(Boolean), address.get("metric") ?? "");
  for (const id of FIELDS) {
    const value = address.get(id) ?? DEFAULTS[id];
    $(id).value = TIMES.includes(id) ? local(Number(value)) : value;
    // A value that the list does not have selects nothing.
    if ($(id).value === "" && DEFAULTS[id]) $(id).value = DEFAULTS[id];
  }
  if (address.get("method") === "") $("method").value = "";
  $("custom").hidden = $("range").value !== "custom";
  if (address.get("connection") && (isEmpty() || !$("details").value.trim())) {
    wait().end();
    asked = null;
    unfinished("This chart needs connection details", "The address has none. Enter them under Connection.");
    requestDetails();
  } else draw();
}

function parseFilter(text) {
  try {
    const [name, value] = JSON.parse(text);
    return typeof name === "string" && ["string", "number", "boolean"].includes(typeof value) ? [name, value] : null;
  } catch {
    return null;
  }
}

// Start

const words = (name) => name[0] + name.slice(1).toLowerCase().replaceAll("_", " ");
fill($("method"), [...METHODS.map((name) => [name, words(name)]), ["", "None: raw points"]]);
fill($("bucket"), BUCKETS.map((millis) => [millis, length(millis)]));
fill($("range"), [...RANGES.map((millis) => [millis, `Last ${length(millis)}`]), ["custom", "Custom"]]);
fill($("live"), REFRESHES.map((millis) => [millis, millis ? `Every ${length(millis)}` : "Off"]));
$("origin").textContent = base;
Object.assign($("bucket"), { value: MINUTE });
Object.assign($("range"), { value: HOUR });
const DEFAULTS = Object.fromEntries(FIELDS.map((id) => [id, $(id).value]));

on("skip", "click", (event) => {
  event.preventDefault();
  $("chart-title").focus();
});
on("range", "change", () => {
  if ($("range").value === "custom" && !$("from").value) {
    $("from").value = local(Date.now() - HOUR);
    $("to").value = local(Date.now());
  }
});
for (const id of FIELDS.filter((id) => !TIMES.includes(id))) on(id, "change", () => draw());
// A time is complete when its field is left, or with Enter: a browser tells of each digit of a year.
for (const id of TIMES) {
  let before = "";
  const complete = () => {
    if ($(id).value === before) return;
    before = $(id).value;
    draw();
  };
  on(id, "focus", () => (before = $(id).value));
  on(id, "blur", complete);
  on(id, "keydown", ({ key }) => key === "Enter" && complete());
}
for (const id of ["calls", "secrets"]) on(id, "change", showExchange);
for (const [id, press] of Object.entries({
  "again": () => {
    filters.forget();
    draw();
  },
  "zoom-in": () => chart.zoomBy(1 / 2),
  "zoom-out": () => chart.zoomBy(2),
  "zoom-all": () => chart.all(),
  "more": loadRest,
  "previous": () => turn(-1),
  "next": () => turn(1),
  "curl": copyCurl,
  "copy-address": () => writeAddress() ?? copy(location.href, "Copied. The address has no connection details."),
})) on(id, "click", press);
startForms();
startConnection(() => draw());
addEventListener("hashchange", readAddress);
readAddress();
