// The page: what a person chooses → the four calls → what StackState would see.

import { Chart } from "./chart.js";
import { bytes, counted, length, number, time, zone } from "./format.js";
import {
  ALL, DETAILS_FILE, MirrorFailure, answerText, asCurl, ask, base, exchanges, requestText, requests,
} from "./mirror.js";
import { element, Picker } from "./picker.js";

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
const VALUES_A_PAGE = 50;
const ROWS_A_PAGE = 100;
const MOST_FIELDS = 500;
const PATIENCE = 300;

const own = { source: "cloudwatch", region: "eu-west-1", accessToken: "…" };
const key = { ...own, accessKeyId: "AKIA…", secretAccessKey: "…" };
const role = { ...key, roleArn: "arn:aws:iam::123456789012:role/…", externalId: "…" };
const EXAMPLES = { random: {}, key, role, own };

const $ = (id) => document.getElementById(id);
const on = (id, event, react) => $(id).addEventListener(event, react);
const isRandom = () => /^(\{\s*\})?$/.test($("details").value.trim());

function fill(select, options, chosen = options[0][0]) {
  select.replaceChildren(...options.map(([value, text]) => element("option", { value, textContent: text })));
  select.value = chosen;
}

// What a person has chosen that no form field holds.
let filters = [];
let field = null;
let points = [];
let page = 0;
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
  return { start, end };
}

const scope = () => ({ filters, ...range() });
const connection = (signal) => ({
  details: $("details").value, key: $("key").value, signal, onExchange: showCalls,
});

// Connection

let testing = null;

async function test() {
  forgetTest();
  const { signal } = (testing = new AbortController());
  const show = (name, text) => {
    if (signal.aborted) return;
    $("tested").className = `result ${name}`;
    $("tested").textContent = text;
  };
  show("", "Testing …");
  try {
    const { status, error } = await ask(requests.connection(), connection(signal));
    if (status === "OK") show("good", "OK: StackState can use this mirror.");
    else show("bad", `FAILURE: ${error?.details}`);
  } catch (error) {
    if (!signal.aborted) show("bad", lines(error).join(" "));
  }
}

function forgetTest() {
  testing?.abort();
  $("tested").textContent = "";
}

const lines = (error) => {
  if (!(error instanceof MirrorFailure)) throw error;
  return [`${error.message}.`, ...error.lines];
};

// Filters

let names = null;

// One call for each set of filters.
async function fieldNames(signal) {
  const question = JSON.stringify([filters, $("details").value, $("range").value, $("from").value, $("to").value]);
  if (names?.question !== question || names.failed) {
    const answer = ask(requests.fieldNames(scope()), connection());
    names = { question, answer };
    answer.catch(() => (names.failed = true));
  }
  const { fields, isPartial } = await names.answer;
  signal.throwIfAborted();
  return { fields, isPartial };
}

async function fieldList(text, signal, fits) {
  const { fields, isPartial } = await fieldNames(signal);
  const wanted = text.toLowerCase();
  const items = fields
    .filter((each) => fits(each) && each.fieldName.toLowerCase().includes(wanted))
    .map((each) => ({ text: each.fieldName, note: each.fieldType.toLowerCase(), field: each }));
  const isWhole = !isPartial && items.length <= MOST_FIELDS;
  return { items: items.slice(0, MOST_FIELDS), note: isWhole ? "" : "Not all are here. Type to find others." };
}

const fieldPicker = new Picker($("field-picker"), {
  load: (text, _, signal) => fieldList(text, signal, () => true),
  onPick: (text, item) => {
    field = text ? (item?.field ?? { fieldName: text, fieldType: "STRING", classified: false }) : null;
    $("value").disabled = !field;
    valuePicker.value = "";
    if (field) {
      $("value").focus();
      if (field.fieldType !== "NUMBER") valuePicker.open();
    }
  },
  onInput: () => {
    field = null;
    $("value").disabled = $("add").disabled = true;
  },
});

const valuePicker = new Picker($("value-picker"), {
  load: async (text, offset, signal) => {
    const call = requests.fieldValues(scope(), field, text, offset, VALUES_A_PAGE);
    const { values, isPartial } = await ask(call, connection(signal));
    const items = values.map(({ value, _type }) => _type === "FieldValuePattern"
      ? { text: value.replace(/\*$/, ""), isPattern: true, note: "pattern" }
      : { text: String(value) });
    return { items, isPartial };
  },
  onPick: (text) => text && addFilter(text),
  onInput: (text) => ($("add").disabled = !text || !field),
});

function typed(text) {
  if (field.fieldType === "NUMBER" && text.trim() && Number.isFinite(Number(text))) return Number(text);
  if (field.fieldType === "BOOLEAN" && /^(true|false)$/.test(text)) return text === "true";
  return text;
}

function addFilter(text) {
  const { fieldName } = field;
  filters = [...filters.filter(([name]) => name !== fieldName), [fieldName, typed(text)]];
  field = null;
  fieldPicker.value = valuePicker.value = "";
  $("value").disabled = $("add").disabled = true;
  showFilters();
  $("field").focus();
  draw();
}

function showFilters() {
  $("filters").replaceChildren(...filters.map(([name, value], index) => {
    const remove = element("button", { type: "button", textContent: "×" });
    remove.setAttribute("aria-label", `Remove the filter ${name} = ${value}`);
    remove.addEventListener("click", () => {
      filters = filters.filter((_, other) => other !== index);
      showFilters();
      $("field").focus();
      draw();
    });
    return element("li", {}, element("b", { textContent: name }), ` = ${value}`, remove);
  }));
}

// Select

const metricPicker = new Picker($("metric-picker"), {
  load: (text, _, signal) => fieldList(text, signal, ({ fieldType }) => fieldType === "NUMBER"),
  onPick: drawInSight,
});

// The chart

function aggregation() {
  const method = $("method").value;
  return method ? { method, bucketSizeMillis: Number($("bucket").value) } : null;
}

function state(name, ...children) {
  $("state").className = `state ${name}`;
  $("state").replaceChildren(...children);
}

function showError(error) {
  const [title, ...rest] = lines(error);
  $("error").hidden = false;
  $("error").replaceChildren(
    element("strong", { textContent: title }), ...rest.map((text) => element("p", { textContent: text })),
  );
}

async function draw(isRefresh = false) {
  waiting?.abort();
  const { signal } = (waiting = new AbortController());
  $("bucket").disabled = !$("method").value;
  $("custom").hidden = $("range").value !== "custom";
  $("partial").hidden = true;
  if (!isRefresh) writeAddress();
  const begun = Date.now();
  const tick = setInterval(() => {
    const seconds = Math.floor((Date.now() - begun) / 1_000);
    state("loading", element("span", { className: "spinner" }), `Waiting for the mirror, ${seconds} s …`);
  }, PATIENCE);
  try {
    // A refresh asks the same again. What a person types meanwhile does not count.
    asked = isRefresh && asked ? { ...asked, ...(asked.span && lately(asked.span)) } : chosen();
    const { telemetry } = await ask(metricCall(asked), { ...asked, signal });
    drawn = asked;
    points = telemetry.points;
    showPoints(telemetry.isPartial, isRefresh);
  } catch (error) {
    if (signal.aborted) return;
    empty();
    // While somebody filters, there is no metric yet.
    const isUnfinished = asked && !asked.metric && error.message === "The query is not valid for CloudWatch";
    if (isUnfinished) tell("Select a metric field", ...error.lines);
    else showError(error);
  } finally {
    clearInterval(tick);
    if (waiting?.signal === signal) schedule();
  }
}

const lately = (span) => ({ start: Date.now() - span, end: Date.now() });

const chosen = () => ({
  ...connection(), ...scope(), span: Number($("range").value) || 0, metric: metricPicker.value,
  aggregation: aggregation(), limit: limit(), method: $("method").selectedOptions[0].text,
});

const metricCall = (wanted) => requests.metric(wanted, wanted.metric, wanted.aggregation, wanted.limit);

// Asks from the last point on, as StackState does.
async function loadRest() {
  const { signal } = (waiting = new AbortController());
  $("more").disabled = true;
  try {
    const last = points.at(-1);
    const { telemetry } = await ask(metricCall({ ...drawn, start: last?.[1] ?? drawn.start }), { ...drawn, signal });
    const fresh = telemetry.points.filter((point) => !last || point[1] > last[1]);
    points = [...points, ...fresh];
    showPoints(telemetry.isPartial && fresh.length > 0, true);
  } catch (error) {
    if (!signal.aborted) showError(error);
  } finally {
    $("more").disabled = false;
  }
}

function empty() {
  points = [];
  drawn = null;
  showPoints(false);
  $("chart-title").textContent = "Chart";
  $("summary").textContent = "";
}

function tell(title, ...texts) {
  state("empty", element("strong", { textContent: title }), ...texts.map((text) => element("p", { textContent: text })));
}

// Takes the chart away, and gives up what is still asked for it.
function forget(...why) {
  waiting?.abort();
  waiting = asked = null;
  clearTimeout(timer);
  empty();
  tell(...why);
}

const limit = () => ($("limit").value === "" ? ALL : Number($("limit").value));

function showPoints(isPartial, keepsZoom = false) {
  const hasPoints = points.length > 0;
  $("error").hidden = true;
  $("chart").hidden = $("chart-keys").hidden = !hasPoints;
  $("partial").hidden = !isPartial;
  $("zoom-in").disabled = !hasPoints;
  $("reading").textContent = "";
  state("");
  if (drawn) {
    if (!hasPoints) tell("No points", "This range has no data. Try a longer range, larger buckets or other filters.");
    const { start, end, method, metric } = drawn;
    $("chart-title").textContent = metric || "Chart";
    const size = points[0]?.[2] ? `, buckets of ${length(points[0][2] - points[0][1])}` : "";
    $("summary").textContent = `${method}, ${counted(points.length, "point", "points")}${size}, `
      + `${time(start)} to ${time(end)} (${zone()})`;
    chart.show(points, [start, end], keepsZoom);
  } else {
    chart.show([], [0, 1]);
  }
  page = 0;
  showTable();
}

function showTable() {
  const isRaw = !(points[0]?.length === 3);
  const columns = isRaw ? ["Value", "Time"] : ["Value", "From", "To"];
  $("columns").replaceChildren(...columns.map((text) => element("th", { scope: "col", textContent: text })));
  const first = page * ROWS_A_PAGE;
  const shown = points.slice(first, first + ROWS_A_PAGE);
  $("rows").replaceChildren(...shown.map(([value, ...times]) => element("tr", {},
    element("td", { className: "number", textContent: number(value), title: String(value) }),
    ...times.map((millis) => element("td", { textContent: time(millis), title: String(millis) })))));
  $("page").textContent = points.length
    ? `${first + 1} to ${first + shown.length} of ${counted(points.length, "point", "points")}`
    : "No points.";
  $("previous").disabled = page === 0;
  $("next").disabled = first + shown.length >= points.length;
}

function turn(pages) {
  page += pages;
  showTable();
}

// Live refresh

function schedule() {
  clearTimeout(timer);
  const every = Number($("live").value);
  if (every) {
    timer = setTimeout(() => (document.hidden ? schedule() : draw(true)), every);
  }
}

// On the wire

let read = null;

function showCalls() {
  fill($("calls"), exchanges.map(({ path, status, millis, size }, index) => [
    index, `${path} · ${status || "no answer"} · ${number(Math.round(millis))} ms · ${bytes(size)}`,
  ]), Math.max(exchanges.indexOf(read), 0));
  $("curl").disabled = false;
  showExchange();
}

function showExchange() {
  const exchange = exchanges[$("calls").value];
  if (!exchange) return;
  // An older call that somebody reads stays when another is made.
  read = exchange === exchanges[0] ? null : exchange;
  $("request").textContent = requestText(exchange, $("secrets").checked);
  $("answer").textContent = answerText(exchange);
}

async function copy(text, told) {
  try {
    await navigator.clipboard.writeText(text);
    toast(told);
  } catch {
    toast("The browser does not allow this page to copy.");
  }
}

let toastTimer = 0;

function toast(text) {
  $("toast").textContent = text;
  $("toast").classList.add("shown");
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => $("toast").classList.remove("shown"), 4_000);
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
  for (const filter of filters) address.append("filter", JSON.stringify(filter));
  if (metricPicker.value) address.set("metric", metricPicker.value);
  for (const id of FIELDS) {
    const isShown = !TIMES.includes(id) || $("range").value === "custom";
    const value = TIMES.includes(id) ? Date.parse($(id).value) : $(id).value;
    if (isShown && $(id).value !== DEFAULTS[id]) address.set(id, value);
  }
  if (!isRandom()) address.set("connection", "other");
  history.replaceState(null, "", `${location.pathname}${location.search}#${address}`);
}

function readAddress() {
  const address = new URLSearchParams(location.hash.slice(1));
  filters = address.getAll("filter").map(parseFilter).filter(Boolean);
  metricPicker.value = address.get("metric") ?? "";
  for (const id of FIELDS) {
    const value = address.get(id) ?? DEFAULTS[id];
    $(id).value = TIMES.includes(id) ? local(Number(value)) : value;
    // A value that the list does not have selects nothing.
    if ($(id).value === "" && DEFAULTS[id]) $(id).value = DEFAULTS[id];
  }
  if (address.get("method") === "") $("method").value = "";
  showFilters();
  $("custom").hidden = $("range").value !== "custom";
  if (address.get("connection") && isRandom()) {
    forget("This chart needs connection details", "The address has none. Enter them, then press Draw.");
    $("details").value = "";
    $("details").focus();
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

function redraw() {
  draw();
}

// Also on a page of one column.
function drawInSight() {
  draw();
  if (matchMedia("(max-width: 56rem)").matches) $("chart-title").scrollIntoView();
}

const words = (name) => name[0] + name.slice(1).toLowerCase().replaceAll("_", " ");
fill($("method"), [...METHODS.map((name) => [name, words(name)]), ["", "None: raw points"]]);
fill($("bucket"), BUCKETS.map((millis) => [millis, length(millis)]));
fill($("range"), [...RANGES.map((millis) => [millis, `Last ${length(millis)}`]), ["custom", "From … to …"]]);
fill($("live"), REFRESHES.map((millis) => [millis, millis ? `Every ${length(millis)}` : "Off"]));
$("origin").textContent = base;
Object.assign($("bucket"), { value: MINUTE });
Object.assign($("range"), { value: HOUR });
const DEFAULTS = Object.fromEntries(FIELDS.map((id) => [id, $(id).value]));

on("skip", "click", (event) => {
  event.preventDefault();
  $("chart-title").focus();
});
on("controls", "submit", (event) => {
  event.preventDefault();
  drawInSight();
});
on("example", "change", ({ target }) => {
  const example = EXAMPLES[target.value];
  if (!example) return;
  $("details").value = JSON.stringify(example, null, 2);
  $("details").rows = Object.keys(example).length + 3;
  target.value = "";
  for (const event of ["input", "change"]) $("details").dispatchEvent(new Event(event));
  $("details").focus();
});
// While somebody types: a button that moves when its press begins is not pressed.
for (const id of ["key", "details"]) on(id, "input", forgetTest);
on("details", "change", () => {
  // Other data must not look like that of these details.
  if (asked && asked.details !== $("details").value) {
    forget("Other connection details", "Choose filters and a metric, or press Draw.");
  }
});
on("range", "change", () => {
  if ($("range").value === "custom" && !$("from").value) {
    $("from").value = local(Date.now() - HOUR);
    $("to").value = local(Date.now());
  }
});
for (const id of FIELDS) on(id, "change", redraw);
for (const id of ["calls", "secrets"]) on(id, "change", showExchange);
for (const [id, press] of Object.entries({
  "test": test,
  "add": () => addFilter(valuePicker.value),
  "zoom-in": () => chart.zoomBy(1 / 2),
  "zoom-out": () => chart.zoomBy(2),
  "zoom-all": () => chart.all(),
  "more": loadRest,
  "previous": () => turn(-1),
  "next": () => turn(1),
  "curl": () => copy(asCurl(exchanges[$("calls").value]), `Copied. It reads the connection details from ${DETAILS_FILE}.`),
  "copy-address": () => writeAddress() ?? copy(location.href, "Copied. The address has no connection details."),
})) on(id, "click", press);
addEventListener("hashchange", readAddress);
readAddress();
