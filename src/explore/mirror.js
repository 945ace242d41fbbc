// The four calls of the Mirror REST API, as StackState makes them.

// StackState sends it for "all".
export const ALL = 2_147_483_647;

const LARGEST_SHOWN = 20_000;
const KEY_HEADER = "x-mirror-api-key";
export const DETAILS_FILE = "connection-details.json";

// The Mirror URL.
export const base = location.href.replace(/[?#].*/, "").replace(/\/+explore\/*$/, "/");

const typeOf = { string: "StringValue", number: "DoubleValue", boolean: "BooleanValue" };

function conditions(filters) {
  return filters.map(([key, value]) => ({
    key,
    value: { value, _type: typeOf[typeof value] },
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

function failure(body) {
  switch (body?._type) {
    case "MetricStoreConnectionError":
      return new MirrorFailure("The metric store cannot be reached", body.details);
    case "MetricNotFoundError":
      return new MirrorFailure("There is no such metric", body.metric, body.details);
    case "UnsupportedFieldTypeError":
      return new MirrorFailure(`Fields of type ${body.mirrorType} have no list of values`);
    case "RemoteMirrorError":
      return new MirrorFailure(body.summary, body.details);
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
    details = JSON.parse(text.trim() || "null");
  } catch {
    // The browser's message quotes the text around the mistake, which can be a secret.
    throw new MirrorFailure("The connection details are not JSON", "Check the quotes, commas and braces.");
  }
  if (details === null || typeof details !== "object" || Array.isArray(details)) {
    throw new MirrorFailure("The connection details must be a JSON object", "Random data needs {}.");
  }
  return details;
}

function accepted({ status, key, text }, expectedKey) {
  let body;
  try {
    body = JSON.parse(text);
  } catch {
    throw new MirrorFailure(`Status ${status}, and no JSON`, text.slice(0, 200));
  }
  if (key === null) {
    const failed = status === 200 ? null : failure(body);
    throw new MirrorFailure(
      "StackState would say that the Api Key is wrong",
      "The answer has no key, because the mirror does not know the caller.",
      failed?.message, ...(failed?.lines ?? []),
    );
  }
  if (expectedKey && key !== expectedKey) {
    throw new MirrorFailure(
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
    `# Put the connection details into ${DETAILS_FILE} first.`,
    `: < ${DETAILS_FILE} && { printf '{"connectionDetails":'; cat ${DETAILS_FILE}; printf %s ${quoted(after)}; } |`,
    `  curl -sS -H 'Content-Type: application/json' --data-binary @- ${quoted(base + path)}`,
    "",
  ].join("\n");
}

export function requestText({ path, request }, showsDetails) {
  const shown = showsDetails ? request : { ...request, connectionDetails: "(hidden)" };
  return `POST ${new URL(base + path).pathname}\n\n${JSON.stringify(shown, null, 2)}`;
}

export function answerText({ status, key, text }) {
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
  const header = key === null || key === undefined ? "" : `\n${KEY_HEADER}: (hidden)`;
  return `${status || "no status"}${header}\n\n${body}`;
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
