// Calls a mirror with the types that openapi-typescript makes of docs/openapi.yaml, and openapi-fetch.
//
// Its arguments are the Mirror URL and what to ask, as JSON.

import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

declare const process: { argv: string[] };

function assert(holds: unknown, what: unknown): asserts holds {
  if (!holds) throw new Error(JSON.stringify(what));
}

type Asked = {
  details: Record<string, string>; wrong: Record<string, string>; conditions: [string, string][];
  field: string; values: string[]; metric: string;
};

const client = createClient<paths>({ baseUrl: process.argv[2]!.replace(/\/$/, "") });
const { details: connectionDetails, wrong, conditions, field, values, metric }: Asked = JSON.parse(process.argv[3]!);
const endTime = Math.floor(Date.now() / 60_000) * 60_000;
const startTime = endTime - 3_600_000;

const test = await client.POST("/api/connection", { body: { connectionDetails } });
assert(test.data?.status === "OK" && test.data.error === undefined, test);
assert(test.response.headers.get("x-mirror-api-key") === "api_key", "the key");

const names = await client.POST("/api/field/name", { body: { connectionDetails, query: { startTime, endTime } } });
assert(names.data?.fields.some((each) => each.fieldName === field), names);

const listed = await client.POST("/api/field/value", {
  body: { connectionDetails, query: { field: { fieldName: field, fieldType: "STRING" }, startTime, endTime } },
});
const types: ("CompleteValue" | "FieldValuePattern")[] | undefined = listed.data?.values.map((value) => value._type);
assert(types && listed.data, listed);
assert(values.every((value, index) => listed.data.values[index]?.value === value), listed);

const query = {
  conditions: conditions.map(([key, value]) => ({ key, value: { value, _type: "StringValue" as const } })),
  aggregation: { method: "MAX", bucketSizeMillis: 600_000 },
  metricField: metric, startTime, endTime,
} satisfies components["schemas"]["MetricsQuery"];
const buckets = await client.POST("/api/metric", { body: { connectionDetails, query } });
const telemetry = buckets.data?.telemetry;
assert(telemetry?._type === "AggregatedMetricTelemetry", buckets);
const [value, since, until] = telemetry.points[0]!;
assert(typeof value === "number" && until! === since! + 600_000, telemetry);

const { aggregation: _, ...samples } = query;
const raw = await client.POST("/api/metric", { body: { connectionDetails, query: { ...samples, limit: 3 } } });
assert(raw.data?.telemetry._type === "RawMetricTelemetry" && raw.data.telemetry.points.length === 3, raw);

const turned = { startTime: endTime, endTime: startTime };
const failed = await client.POST("/api/metric", { body: { connectionDetails, query: { ...query, ...turned } } });
assert(failed.response.status === 500 && failed.error?._type === "RemoteMirrorError", failed);
assert(failed.error.summary === "The mirror cannot read this request", failed);

const refused = await client.POST("/api/connection", { body: { connectionDetails: wrong } });
assert(refused.data?.status === "FAILURE" && refused.data.error?.details, refused);

// @ts-expect-error: there is no such method.
const unknown: components["schemas"]["Aggregation"] = { method: "MEDIAN" };
