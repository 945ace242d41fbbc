// The four calls of the Mirror REST API, as StackState makes them.

// StackState sends it for "all".
export const ALL = 2_147_483_647;

const LARGEST_SHOWN = 20_000;
const KEY_HEADER = "x-mirror-api-key";
// The mirror's words for the source that it chose.
const SOURCE_HEADER = "x-mirror-source";
export const DETAILS_FILE = "connection-details.json";

// The Mirror URL.
export const base = location.href.replace(/[?#].*/, "").replace(/\/+explore\/*$/, "/");

const typeOf = { string: "StringValue", number: "DoubleValue", boolean: "BooleanValue" };

// Filters by their names, each with its values.
export function grouped(filters) {
  const groups = new Map();
  for (const [name, value] of filters) groups.set(name, [...(groups.get(name) ?? []), value]);
  return [...groups];
}

function conditions(filters) {
  return grouped(filters).map(([key, values]) => ({
    key,
    value: values.length > 1
      ? { value: values, _type: "InSetValue" }
      : { value: values[0], _type: typeOf[typeof values[0]] },
    _type: "EqualityCondition",
  }));
}

function query(kind, { filters, start, end }, more) {
  return {
    conditions: conditions(filters),
    startTime: start,
    endTime: end,
    limit: ALL,
    ...more,
    _type: kind,
  };
}

// Path, `_type` and query of each call.
export const requests = {
  connection: () => ["api/connection", "TestConnectionRequest"],
  fieldNames: (scope) => ["api/field/name", "FieldNamesRequest",
    query("FieldNamesQuery", scope, { latestFirst: true })],
  fieldValues: (scope, field, prefix, offset, limit) => ["api/field/value", "FieldValuesRequest",
    query("FieldValuesQuery", scope, {
      field: { ...field, _type: "FieldDescriptor" }, fieldValuePrefix: prefix, offset, limit, latestFirst: true,
    })],
  metric: (scope, metricField, aggregation, limit) => ["api/metric", "MetricsRequest",
    query("MetricsQuery", scope, {
      limit,
      ...(metricField && { metricField }),
      ...(aggregation && { aggregation: { ...aggregation, _type: "Aggregation" } }),
    })],
};

export class MirrorFailure extends Error {
  constructor(title, ...lines) {
    super(title);
    this.lines = lines.filter(Boolean);
  }
}

// A failure whose cause is the connection details or the key.
export class ConnectionFailure extends MirrorFailure {}

// What a failure tells, line by line. Any other error is a fault of this page.
export function lines(error) {
  if (!(error instanceof MirrorFailure)) throw error;
  return [`${error.message}.`, ...error.lines];
}

function failure(body) {
  switch (body?._type) {
    case "MetricStoreConnectionError":
      return new ConnectionFailure("The metric store cannot be reached", body.details);
    case "MetricNotFoundError":
      return new MirrorFailure("There is no such metric", body.metric, body.details);
    case "UnsupportedFieldTypeError":
      return new MirrorFailure(`Fields of type ${body.mirrorType} have no list of values`);
    case "RemoteMirrorError":
      return new (/^connectionDetails\b/.test(body.details) ? ConnectionFailure : MirrorFailure)(body.summary, body.details);
    default:
      return new MirrorFailure("The mirror's answer is not one of the Mirror REST API");
  }
}

// Newest first.
export const exchanges = [];
const MOST_EXCHANGES = 20;

// Returns the body of an answer that StackState would accept. Else throws a `MirrorFailure`, or an
// `AbortError` if `signal` ended the call.
export async function ask([path, kind, query], { details, key, signal, onExchange }) {
  const connectionDetails = parseDetails(details);
  const request = { connectionDetails, ...(query && { query }), _type: kind };
  const exchange = { path, request, status: 0, millis: 0, size: 0, text: "" };
  const begun = performance.now();
  try {
    const response = await fetch(base + path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(request),
      credentials: "omit",
      redirect: "error",
      signal,
    });
    exchange.text = await response.text();
    exchange.status = response.status;
    exchange.key = response.headers.get(KEY_HEADER);
    exchange.source = response.headers.get(SOURCE_HEADER);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    exchange.text = "(no answer)";
    throw new MirrorFailure("The mirror cannot be reached", `${base}${path} gave no answer.`);
  } finally {
    if (!signal?.aborted) {
      exchange.millis = performance.now() - begun;
      exchange.size = new TextEncoder().encode(exchange.text).length;
      exchanges.unshift(exchange);
      exchanges.length = Math.min(exchanges.length, MOST_EXCHANGES);
      onExchange?.(exchange);
    }
  }
  const body = accepted(exchange, key);
  if (body?._type !== kind.replace("Request", "Response")) throw failure();
  return body;
}

function parseDetails(text) {
  let details;
  try {
    details = JSON.parse(text.trim() ? text : "null");
  } catch (error) {
    const where = place(text, error.message);
    throw new ConnectionFailure("The connection details are not JSON", `${where}Names and texts stand in straight double quotes ("), with commas between members, and none behind the last.`);
  }
  if (details === null || typeof details !== "object" || Array.isArray(details)) {
    throw new ConnectionFailure("The connection details must be a JSON object", "Random data needs {}.");
  }
  return details;
}

// A part of JSON: space, a string, a number, a word or a sign.
const TOKEN = /\s+|"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-f]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e[+-]?\d+)?|(?:true|false|null)\b|[{}[\],:]/iy;

// Where the mistake is. A browser quotes the text around it, which can be a secret, so only the numbers count
// that it tells. Without any, the mistake is the first part that JSON does not have, or the end.
function place(text, message) {
  let [line, column] = /line (\d+),? column (\d+)/.exec(message)?.slice(1).map(Number) ?? [];
  if (!line) {
    TOKEN.lastIndex = 0;
    let end = 0;
    while (TOKEN.test(text)) end = TOKEN.lastIndex;
    if (end === text.length) return `The text ends in line ${text.trimEnd().split("\n").length}, before it is complete. `;
    const before = text.slice(0, end).split("\n");
    [line, column] = [before.length, before.at(-1).length + 1];
  }
  return `The mistake is in line ${line}, at or before character ${column}. `;
}

function accepted({ status, key, text }, expectedKey) {
  let body;
  try {
    body = JSON.parse(text);
  } catch {
    throw new MirrorFailure(`Status ${status}, and no JSON`, text.slice(0, 200));
  }
  if (key === null) {
    const told = "StackState would say that the Api Key is wrong";
    if (status === 200) throw new ConnectionFailure(told, "The answer has no key.");
    const { message, lines } = failure(body);
    throw new ConnectionFailure(message, ...lines, `${told}, because this answer has no key.`);
  }
  if (expectedKey && key !== expectedKey) {
    throw new ConnectionFailure(
      "StackState would say that the Api Key is wrong",
      "The key in the answer is not the Api Key that is entered here.",
    );
  }
  if (status !== 200) throw failure(body);
  return body;
}

const quoted = (text) => `'${text.replaceAll("'", String.raw`'\''`)}'`;

export function asCurl({ path, request: { connectionDetails: _, ...rest } }) {
  const after = `,${JSON.stringify(rest).slice(1)}`;
  return [
    `: 'Put the connection details into ${DETAILS_FILE} first.'`,
    `: < ${DETAILS_FILE} && { printf '{"connectionDetails":'; cat ${DETAILS_FILE}; printf %s ${quoted(after)}; } |`,
    `  curl -sS -w '\\n' -H 'Content-Type: application/json' --data-binary @- ${quoted(base + path)}`,
    "",
  ].join("\n");
}

export function requestText({ path, request }, showsDetails) {
  const shown = showsDetails ? request : { ...request, connectionDetails: "(hidden)" };
  return `POST ${new URL(base + path).pathname}\n\n${JSON.stringify(shown, null, 2)}`;
}

export function answerText({ status, key, source, text }) {
  let body = text;
  if (text.length <= LARGEST_SHOWN) {
    try {
      body = compact(JSON.parse(text));
    } catch {
      // It is shown as it came.
    }
  } else {
    body = `${text.slice(0, LARGEST_SHOWN)} … and ${text.length - LARGEST_SHOWN} more characters`;
  }
  const headers = [key && `\n${KEY_HEADER}: (hidden)`, source && `\n${SOURCE_HEADER}: ${source}`];
  return `${status || "no status"}${headers.filter(Boolean).join("")}\n\n${body}`;
}

// JSON with each point on one line.
function compact(value, end = "\n") {
  const isNested = (one) => one !== null && typeof one === "object";
  if (!isNested(value)) return JSON.stringify(value);
  const start = `${end}  `;
  const lines = (parts, open, close) =>
    parts.length > 0 ? open + start + parts.join("," + start) + end + close : open + close;
  if (!Array.isArray(value)) {
    const member = ([name, one]) => `${JSON.stringify(name)}: ${compact(one, start)}`;
    return lines(Object.entries(value).map(member), "{", "}");
  }
  const items = value.map((one) => compact(one, start));
  return value.some(isNested) ? lines(items, "[", "]") : `[${items.join(", ")}]`;
}
