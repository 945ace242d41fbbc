// The filters and the metric field, as StackState's stream dialog has them.

import { $, element, on } from "./dom.js";
import { ask, grouped, requests } from "./mirror.js";
import { fitting, Picker } from "./picker.js";
import { isGraph } from "./stackstate.js";

const VALUES_A_PAGE = 500;
const MOST_FIELDS = 500;
// What leads to the others comes first. The name of an expression's field says nothing.
const FIRST = "Namespace";
const EXPRESSION = "~";
const METRIC_NAME = "MetricName";
// The metric field beside an expression.
const VALUE = "value";
// A graph is longer than a line.
const MOST_SHOWN = 80;
// As long as the mirror keeps a list, and one that is not whole.
const LIFETIME = 300_000;
const PARTIAL_LIFETIME = 30_000;

export class Filters {
  // `scope()` is the range, `connection(signal)` what a call needs beside its query, and `onChange()` is told
  // of each complete change.
  constructor({ scope, connection, onChange }) {
    Object.assign(this, { scope, connection, onChange, pairs: [], field: null });
    this.fields = new Picker($("field-picker"), {
      load: (text, _, signal) => this.fieldList(text, signal, () => true),
      onPick: (name, item) => this.choose(name && (item?.field ?? { fieldName: name, fieldType: "STRING", classified: false })),
    });
    this.values = new Picker($("value-picker"), {
      load: (text, offset, signal) => this.valueList(text, offset, signal),
      onPick: (text) => text && this.add(text),
      takesWildcards: true,
    });
    this.metrics = new Picker($("metric-picker"), {
      load: (text, _, signal) => this.fieldList(text, signal, ({ fieldType }) => fieldType === "NUMBER"),
      onPick: () => onChange(),
    });
    on("graph-use", "click", () => this.paste($("graph-source").value.trim()));
  }

  // Takes the source of a graph instead of filters. The mirror says what is wrong with it.
  paste(source) {
    if (!source) return $("graph-source").focus();
    this.set([[EXPRESSION, packed(source)]], VALUE);
    this.onChange();
    // On a phone, the answer is below.
    const { top } = $("chart-title").getBoundingClientRect();
    if (top < 0 || top > innerHeight * 0.8) $("chart-title").scrollIntoView();
  }

  // The box has the graph that is a filter, and only that.
  showGraph() {
    const graph = this.pairs.find(isGraph)?.[1] ?? "";
    if (graph !== packed($("graph-source").value) && (graph || this.graph)) $("graph-source").value = graph;
    this.graph = graph;
  }

  // Pairs of a name and a value. Several of one name are a set: any of these values.
  set(pairs, metric) {
    this.pairs = pairs;
    this.metrics.value = metric;
    this.choose(null);
    this.show();
  }

  get metric() {
    return this.metrics.value;
  }

  // Whether a query to CloudWatch has all that it needs.
  get isComplete() {
    const has = (wanted) => this.pairs.some(([name]) => name === wanted);
    return has(EXPRESSION) || (has(FIRST) && (this.metric !== "" || has(METRIC_NAME)));
  }

  forget() {
    this.names = null;
  }

  // One call for each set of filters, of each connection.
  async fieldNames(signal) {
    const { details, key } = this.connection();
    const { start, end } = this.scope();
    const question = JSON.stringify([this.pairs, details, key, end - start]);
    if (this.names?.question !== question || this.names.end < Date.now()) {
      const names = (this.names = { question, end: Date.now() + LIFETIME });
      names.answer = ask(requests.fieldNames({ ...this.scope(), filters: this.pairs }), this.connection());
      names.answer.then(
        ({ isPartial }) => isPartial && (names.end = Date.now() + PARTIAL_LIFETIME),
        () => (names.end = 0),
      );
    }
    const answer = await this.names.answer;
    signal.throwIfAborted();
    return answer;
  }

  async fieldList(text, signal, fits) {
    const { fields, isPartial } = await this.fieldNames(signal);
    const items = fields.filter(fits).map((field) => ({
      text: field.fieldName, field,
      ...(field.fieldName === EXPRESSION ? { note: "expression or graph", alias: "expression graph" } : { note: field.fieldType.toLowerCase() }),
    }));
    items.sort((one, other) => (other.text === FIRST) - (one.text === FIRST));
    const found = fitting(items, text);
    const isLong = found.length > MOST_FIELDS;
    const isTag = /^tags?\b/i.test(text) && !/^Tag\../.test(text);
    const note = isTag ? "A tag is Tag. and its key, such as Tag.Environment." : !items.length ? "Choose the filter Namespace first." : isPartial ? "Not all are here. Add a filter, or type the whole name." : isLong ? "Type to find others." : "";
    return { items: found.slice(0, MOST_FIELDS), note };
  }

  // StackState asks for the values with a prefix. A person who types means any part of one, so what the
  // mirror lists without a prefix is searched too.
  async valueList(text, offset, signal) {
    const { field } = this;
    if (field.fieldType === "NUMBER") return { items: [], note: "Type a number." };
    const list = async (prefix) => {
      const scope = { ...this.scope(), filters: this.pairs.filter(([name]) => name !== field.fieldName) };
      const call = requests.fieldValues(scope, field, prefix, offset, VALUES_A_PAGE);
      const { values, isPartial } = await ask(call, this.connection(signal));
      const items = values.map(({ value, _type }) => _type === "FieldValuePattern"
        ? { text: value.replace(/\*$/, ""), isPattern: true, note: "pattern" }
        : { text: String(value) });
      return { items, isPartial, next: offset + items.length };
    };
    const [prefix] = text.split("*");
    const begins = await list(prefix);
    if (!prefix || offset > 0) return { ...begins, items: fitting(begins.items, text) };
    const others = await list("");
    const isWhole = !others.isPartial && !others.items.some((item) => item.isPattern);
    return {
      ...begins,
      items: fitting([...begins.items, ...others.items.filter((item) => !item.text.startsWith(prefix))], text),
      note: isWhole ? "" : "Not all are here. Type the beginning to find others.",
    };
  }

  choose(field) {
    this.field = field || null;
    if (!field) this.fields.value = "";
    this.values.value = "";
    $("value").disabled = !field;
    if (field) {
      $("value").focus();
      this.values.open();
    }
  }

  add(text) {
    const { fieldName } = this.field;
    const value = typed(text, this.field.fieldType);
    const isNew = !this.pairs.some(([name, known]) => name === fieldName && known === value);
    if (isNew) this.pairs = [...this.pairs, [fieldName, value]];
    this.choose(null);
    this.change();
  }

  change() {
    this.show();
    $("field").focus();
    this.onChange();
  }

  show() {
    this.showGraph();
    const groups = grouped(this.pairs);
    const short = (value) => (String(value).length > MOST_SHOWN ? `${value.slice(0, MOST_SHOWN)}…` : value);
    $("filters").replaceChildren(...groups.map(([name, values]) => element("li", {},
      element("b", { textContent: name }),
      ...values.flatMap((value, index) => {
        const remove = element("button", { type: "button", textContent: "×" });
        remove.setAttribute("aria-label", `Remove the filter ${name} = ${short(value)}`);
        remove.addEventListener("click", () => {
          this.pairs = this.pairs.filter((pair) => !(pair[0] === name && pair[1] === value));
          this.change();
        });
        return [" ", element("span", {}, element("span", { textContent: `${index ? "or" : "="} ${short(value)}` }), remove)];
      }))));
    const sets = groups.filter(([, values]) => values.length > 1).map(([name]) => name);
    $("set").hidden = !sets.length;
    $("set").textContent = `${sets.join(", ")}: several values are a set. The Mirror REST API has sets, but StackState's `
      + "stream dialog does not. It can hold a wildcard, such as web-*.";
  }
}

// JSON without white space, so that it is shorter than what the mirror takes at most.
function packed(source) {
  try {
    return JSON.stringify(JSON.parse(source));
  } catch {
    return source;
  }
}

function typed(text, fieldType) {
  if (fieldType === "NUMBER" && text.trim() && Number.isFinite(Number(text))) return Number(text);
  if (fieldType === "BOOLEAN" && /^(true|false)$/.test(text)) return text === "true";
  return text;
}
