// The part of the page that gives streams to StackState: the one that is shown, or a ready set for its resource.

import { $, element, fill, on } from "./dom.js";
import { SETS } from "./sets.js";
import { FORMS, rendered, titleOf, withUnit } from "./stackstate.js";
import { copy } from "./wire.js";

// The fields that only some forms need.
const FIELDS = { source: ["template", "script", "monitor"], id: ["api"], urn: ["monitor"], threshold: ["monitor"] };
const BESIDE = ["Region", "AccountId"];

let shown = null;

const valueOf = (name) => shown.filters.find(([known]) => known === name)?.[1];

function nameOf({ filters, metric, method }) {
  const named = titleOf(filters) || metric || valueOf("MetricName") || "Stream";
  return withUnit(named, valueOf("Namespace"), named, method);
}

// The streams of a set for the resource of the stream that is shown. In a template, they are for each component.
function streamsOf({ namespace, dimension, value, conditions = {}, streams }, form) {
  const filters = [
    ["Namespace", namespace],
    ...(form === "template" ? [[dimension, value]] : shown.filters.filter(([name]) => name === dimension)),
    ...Object.entries(conditions),
    ...shown.filters.filter(([name]) => BESIDE.includes(name) && !(name in conditions)),
  ];
  const wanted = streams.filter(({ threshold }) => form !== "monitor" || threshold !== undefined);
  return wanted.map(({ metric, name, aggregation, threshold }) => ({
    ...shown, filters, metric, method: aggregation, threshold, name,
  }));
}

function show() {
  const form = $("form").value;
  const set = SETS.find(({ title }) => title === $("form-set").value);
  for (const [name, forms] of Object.entries(FIELDS)) {
    $(`form-${name}`).closest("div").hidden = !forms.includes(form) || (name === "threshold" && Boolean(set));
  }
  const given = Object.fromEntries(Object.keys(FIELDS).map((name) => [name, $(`form-${name}`).value.trim()]));
  const streams = set ? streamsOf(set, form) : [{ ...shown, name: nameOf(shown), threshold: given.threshold }];
  const lacks = set && form !== "template" && valueOf(set.dimension) === undefined;
  const why = lacks ? `Add the filter ${set.dimension}: these streams are for one resource.`
    : !streams.length ? "No stream of this set has a threshold." : null;
  const { text, notes } = why ? { text: null, notes: [why] } : rendered(form, streams, given);
  const left = set ? set.streams.length - streams.length : 0;
  if (text && left) notes.unshift(`${left} of ${set.streams.length} streams have no threshold, so they have no monitor.`);
  $("form-notes").replaceChildren(...notes.map((note) => element("li", { textContent: note })));
  $("form-text").textContent = text ?? "";
  $("form-copy").disabled = text === null;
}

// Takes the stream that a chart shows, or null.
export function showForms(stream) {
  shown = stream;
  $("forms").hidden = !stream;
  if (!stream) return;
  const sets = SETS.filter(({ namespace }) => namespace === valueOf("Namespace"));
  const before = $("form-set").value;
  fill($("form-set"), [["", "This stream"], ...sets.map(({ title, streams }) => [title, `${title}: ${streams.length} streams`])]);
  if (sets.some(({ title }) => title === before)) $("form-set").value = before;
  show();
}

export function startForms() {
  fill($("form"), FORMS);
  for (const id of ["form", "form-set", ...Object.keys(FIELDS).map((name) => `form-${name}`)]) on(id, "input", show);
  on("form-copy", "click", () => copy($("form-text").textContent, "Copied."));
}
