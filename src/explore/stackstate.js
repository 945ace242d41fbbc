// Streams → the texts that StackState takes. Their forms are those of StackState's documents and its API
// description, for 5.1: "Add telemetry during topology synchronization", "Telemetry - script API", "Monitor STJ
// file format", `POST /components/{componentId}/streams`.

import { grouped } from "./mirror.js";
import { UNITS } from "./sets.js";

export const FORMS = [
  ["template", "Component template"],
  ["api", "Body for the API"],
  ["script", "Script query"],
  ["monitor", "Monitor file"],
];

// StackState's example has this function. The names of its parameters differ between documents.
const MONITOR_FUNCTION = "urn:system:default:monitor-function:metric-above-threshold";

// Conditions of the script language are `word = 'text'`.
const WORD = /^[A-Za-z_][\w.]*$/;
const SCRIPT_NAMES = { "~": "Expression" };
export const isExpression = ([name]) => Object.hasOwn(SCRIPT_NAMES, name) || Object.values(SCRIPT_NAMES).includes(name);
export const isGraph = (filter) => isExpression(filter) && /^\s*\{/.test(filter[1]);
// The title of the graph in these filters, if there is one, or else the label of what it shows.
export function titleOf(filters) {
  try {
    const source = JSON.parse(filters.find(isGraph)[1]);
    const graph = source.properties ?? source;
    const shown = graph.metrics.map((entry) => entry.at(-1)).find((options) => options.visible !== false);
    return [graph.title, shown?.label].find((text) => typeof text === "string" && text);
  } catch {
    return undefined;
  }
}

const isScript = (form) => form === "script" || form === "monitor";

// A name with the unit that StackState reads from its end, if the metric's is known.
export function withUnit(name, namespace, metric, method) {
  const units = UNITS[namespace] ?? {};
  const unit = method.startsWith("EVENT_COUNT") ? "short" : Object.keys(units).find((each) => units[each].includes(metric));
  return unit ? `${name} (${unit})` : name;
}

function duration(millis) {
  const units = [["d", 86_400_000], ["h", 3_600_000], ["m", 60_000], ["s", 1_000]];
  const [unit, size] = units.find(([, size]) => millis % size === 0) ?? units.at(-1);
  return `${Math.ceil(millis / size)}${unit}`;
}

function methodOf(method) {
  const percentile = /^PERCENTILE_(\d+)$/.exec(method);
  return percentile ? `${percentile[1]}th percentile` : method.toLowerCase();
}

const inSingle = (text) => `'${text.replaceAll(/[\\']/g, "\\$&")}'`;
const inDouble = (text) => `"${text.replaceAll(/[\\"$]/g, "\\$&")}"`;

// A monitor looks at the newest minutes: one value above the threshold is enough for it.
const WATCHED = { span: 600_000, bucket: 60_000 };

function script({ filters, metric, method, bucket, span }, { source }) {
  const conditions = filters.map(([name, value]) => `${SCRIPT_NAMES[name] ?? name} = '${value}'`).join(" and ");
  return [
    `Telemetry.query(${inSingle(source)}, ${inDouble(conditions)})`,
    ...(metric ? [`.metricField(${inSingle(metric)})`] : []),
    `.start('-${duration(span || 3_600_000)}')`,
    ...(method ? [`.aggregation('${methodOf(method)}', '${duration(bucket)}')`] : []),
  ].join("");
}

// JSON in which a text `{{name}}` becomes an expression of StackState's template language.
function templated(value, expressions) {
  return JSON.stringify(value, null, 2).replaceAll(/"\{\{(\w+)\}\}"/g, (_, name) => `{{ ${expressions[name]} }}`);
}

function query({ filters, metric, method }, valueOf, more) {
  const conditions = filters.map(([key, value]) => ({ key, value: valueOf(value) }));
  return { _type: "MetricTelemetryQuery", ...more, conditions, ...(metric && { metricField: metric }), aggregation: method };
}

const WRITERS = {
  // The members of the template's list `streams`.
  template: (streams, { source }) => streams.map((stream, index) => templated({
    _type: "MetricStream", name: stream.name, query: query(stream, (value) => value, { id: -2 * index - 2 }),
    dataSource: "{{source}}", dataType: "METRICS", id: -2 * index - 1,
  }, { source: `resolve "DataSource" "${source}"` })).join(",\n"),
  // There, a value is a text.
  api: (streams, { id }) => {
    const bodies = streams.map((stream) => ({
      _type: "MetricStream", name: stream.name, dataSource: Number(id), dataType: "METRICS",
      query: query(stream, String), syncCreated: false,
    }));
    return JSON.stringify(bodies.length === 1 ? bodies[0] : bodies, null, 2);
  },
  script: (streams, given) => streams.map((stream) => script(stream, given)).join("\n"),
  monitor: (streams, given) => {
    const parameter = (name) => `get "${MONITOR_FUNCTION}" "Type=Parameter;Name=${name}"`;
    const words = (text) => text.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-").replaceAll(/^-|-$/g, "");
    return templated({
      _version: "1.0.39", timestamp: `${new Date().toISOString()}[GMT]`,
      nodes: streams.map((stream) => ({
        _type: "Monitor", name: `${stream.name}: ${literals(stream.filters).map(([, value]) => value).join(", ") || given.urn}`,
        description: `${stream.name} above ${Number(stream.threshold)}`,
        identifier: `urn:system:default:monitor:mirror-${words([stream.metric, stream.method, ...stream.filters.flat(), given.urn].join(" "))}`,
        remediationHint: "",
        function: "{{function}}",
        arguments: [
          { _type: "ArgumentDoubleVal", parameter: "{{threshold}}", value: Number(stream.threshold) },
          { _type: "ArgumentStringVal", parameter: "{{pattern}}", value: given.urn },
          { _type: "ArgumentScriptMetricQueryVal", parameter: "{{query}}", script: script({ ...stream, ...WATCHED }, given) },
        ],
        status: "ENABLED", tags: ["mirror"], intervalSeconds: 60,
      })),
    }, {
      function: `get "${MONITOR_FUNCTION}"`, threshold: parameter("threshold"),
      pattern: parameter("topologyIdentifierPattern"), query: parameter("metrics"),
    });
  },
};

// What is one resource's: the conditions beside those that name the metric.
const literals = (filters) => filters.filter(([key, value]) =>
  !["Namespace", "MetricName", "Unit", "Statistic", "HighResolution", "HoldSeconds", "~"].includes(key) && !key.startsWith("Tag.") && !String(value).startsWith("{{ element."));

// Why a form cannot hold a stream, each with the way out.
function* obstacles(form, { filters, method, threshold, name }) {
  for (const [key, values] of grouped(filters)) {
    if (values.length > 1) yield `${key} has several values, and a stream has no sets. A wildcard such as web-* can select them.`;
  }
  if (!method && form !== "script") yield "Raw points: a stream always has an aggregation. Choose one.";
  for (const [key, value] of isScript(form) ? filters : []) {
    if (!WORD.test(SCRIPT_NAMES[key] ?? key)) yield `${key} has a space or a sign, so a script cannot name it. A stream can.`;
    if (/['\\\n]/.test(value)) yield `${key}: no document shows a script with an apostrophe, a backslash or a line break in a value. A stream can have them.`;
  }
  if (isScript(form) && /NO_ZEROS|EVENT_COUNT/.test(method)) yield `No published script has the aggregation ${method}. A stream can have it.`;
  if (form === "monitor" && (threshold === "" || !Number.isFinite(Number(threshold)))) yield "Enter the threshold.";
  if (form !== "template" && form !== "monitor") return;
  // Of a ready set, such an expression is meant.
  const texts = [name, ...filters.flat()].map(String);
  if (texts.some((text) => text.includes("{{") && !/^\{\{ element\.[\w.]+ \}\}$/.test(text))) {
    yield "{{ begins an expression of StackState's template language, so no name and no value can have it.";
  }
}

// What is missing beside the streams.
function* missing(form, { source, id, urn }) {
  if (form === "api") {
    if (!/^\d+$/.test(id) || !Number.isSafeInteger(Number(id))) yield "Enter the data source's id: GET /api/node/DataSource lists it.";
  } else if (!source || /["{]/.test(source)) yield "Enter the data source's name, without quotes and braces.";
  if (form === "monitor" && !/^urn:[^\s{]+$/.test(urn)) {
    yield "Enter the URN of the component. A mirror's answers have no tags to group by, so each component has a monitor of its own.";
  }
}

// What to know of a text that can be copied.
function* remarks(form, { filters, method }) {
  if (form === "api" && filters.some(([, value]) => typeof value !== "string")) {
    yield "A number or a boolean became its text, which means the same in CloudWatch.";
  }
  if (form === "template") {
    yield "Each id must be unique in the template.";
    if (filters.some(([, value]) => String(value).startsWith("{{ element."))) yield "Compare element.data with the properties of one of your components.";
    for (const [key, value] of literals(filters)) {
      yield `${key} is ${value} for every component. Replace it by an expression such as {{ element.data.FunctionName }}; StackState's example has {{ element.data.Location.AwsRegion }} as the region.`;
    }
  }
  if (form === "template" && method === "EVENT_COUNT") yield "StackState's table for templates leaves EVENT_COUNT out; its API has it.";
  if (!isScript(form)) return;
  if (filters.some(([key]) => key in SCRIPT_NAMES)) yield "Expression is the condition ~, which a script may not take as a key.";
  if (["max", "sum"].includes(methodOf(method))) {
    yield `StackState's documents show scripts with mean, min and percentiles, but none with ${methodOf(method)}. Try it in the Analytics perspective.`;
  }
  if (form === "monitor") {
    yield "Compare the function's identifier and the names of its parameters with your installation: sts settings list --type MonitorFunction. "
      + "Some documents call the parameter metrics, others query.";
  }
}

// The text of a form for these streams, or null, with what there is to say of it. `given` has the data source's
// name and id, and the component's URN.
export function rendered(form, streams, given) {
  if (isScript(form) && streams.some(({ filters }) => filters.some(isGraph))) {
    const note = "A graph is for streams only: no document shows how a script or a monitor quotes it. Choose a component template or the API.";
    return { text: null, notes: [note] };
  }
  const why = [...missing(form, given), ...streams.flatMap((stream) => [...obstacles(form, stream)])];
  const notes = why.length ? why : streams.flatMap((stream) => [...remarks(form, stream)]);
  return { text: why.length ? null : WRITERS[form](streams, given), notes: [...new Set(notes)] };
}
