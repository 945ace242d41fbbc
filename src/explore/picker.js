// A text field with a list of what can be entered: the ARIA pattern "editable combobox with list
// autocomplete". The list is loaded as the person types, page by page.
//
// Only a choice from the list counts. Text as it is typed is one of the choices, so half a name is never
// taken by accident.

import { element } from "./dom.js";
import { MirrorFailure } from "./mirror.js";

const TYPING_PAUSE = 200;

// The order of a text that is nearly the same.
const NEAR = 4;

// Whether one letter is missing, added or another.
function isNear(one, other) {
  let begin = 0;
  while (begin < one.length && one[begin] === other[begin]) begin++;
  const [restOfOne, restOfOther] = [one.slice(begin), other.slice(begin)];
  return one.length > 4 && (restOfOne.slice(1) === restOfOther.slice(1) || restOfOne.slice(1) === restOfOther || restOfOne === restOfOther.slice(1));
}

// Whether a text has these parts in this order, the first at its beginning and the last at its end.
function matches(text, [first, ...others]) {
  const last = others.pop();
  let at = first.length;
  if (!text.startsWith(first)) return false;
  for (const part of others) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return text.endsWith(last) && text.length - last.length >= at;
}

// The order of what fits a text: the same, what begins with it, what has it inside, what is nearly the same. A `*`
// stands for any text.
function rank(text, wanted) {
  const [found, searched] = [text, wanted].map((each) => each.toLowerCase());
  if (searched.includes("*")) return matches(found, searched.split("*")) ? 0 : -1;
  const orders = [text === wanted, found === searched, found.startsWith(searched), found.includes(searched), isNear(found, searched)];
  return orders.indexOf(true);
}

// The items that fit a text, the best ones first.
export function fitting(items, wanted) {
  const ranked = items.map((item) => [Math.max(rank(item.text, wanted), item.alias ? rank(item.alias, wanted) : -1), item]).filter(([order]) => order >= 0);
  return ranked.sort(([one], [other]) => one - other).map(([order, item]) => (order === NEAR ? { ...item, isNear: true, note: "similar" } : item));
}

// `load(text, offset, signal)` returns `{ items: [{ text, alias, note, isPattern }], isPartial, note, next }`, where
// `alias` is searched, too, and `next` is the offset behind them. `onPick(text, item)` has no item for text that is
// not in the list. `takesWildcards` says that a `*` is meant as it is typed.
export class Picker {
  constructor(place, { load, onPick, takesWildcards = false }) {
    Object.assign(this, { load, onPick, takesWildcards, items: [], options: [], active: -1, picked: "" });
    [this.input, this.popup, this.list, this.status] = ["input", ".popup", "ul", "p"].map((part) => place.querySelector(part));
    this.input.addEventListener("input", () => {
      this.take(null);
      this.activate(-1);
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.open(), TYPING_PAUSE);
    });
    // What is typed replaces what was chosen.
    this.input.addEventListener("focus", () => this.input.select());
    // A click shows all there is, also if something is chosen.
    this.input.addEventListener("click", () => {
      if (!this.popup.hidden) return;
      if (this.input.value === this.picked) this.input.select();
      this.open("");
    });
    this.input.addEventListener("keydown", (event) => this.onKey(event));
    // A press on the list must not take the focus, or the list would close under it.
    this.popup.addEventListener("mousedown", (event) => event.preventDefault());
    this.list.addEventListener("click", (event) => {
      const option = event.target.closest("li");
      if (option) this.choose([...this.list.children].indexOf(option));
    });
    this.input.addEventListener("blur", () => this.leave());
  }

  // What is chosen, which is not always what stands in the field.
  get value() {
    return this.picked;
  }

  set value(text) {
    this.input.value = this.picked = text;
    this.item = undefined;
  }

  async open(text = this.input.value) {
    clearTimeout(this.timer);
    Object.assign(this, { text, items: [], offset: 0, isPartial: false });
    this.show(true);
    await this.loadMore();
  }

  async loadMore() {
    this.waiting?.abort();
    const waiting = (this.waiting = new AbortController());
    const { length } = this.items;
    this.isLoading = true;
    this.status.textContent = "Loading …";
    try {
      const { items, isPartial, note = "", next = items.length } = await this.load(this.text, this.offset, waiting.signal);
      if (waiting.signal.aborted) return;
      this.items.push(...items);
      this.isPartial = isPartial && next > this.offset;
      this.offset = next;
      const isFound = this.items.length || (note && !this.text);
      this.status.textContent = isFound ? note : `Nothing fits${this.isPartial ? " so far" : ""}. ${note}`.trim();
    } catch (error) {
      if (waiting.signal.aborted || error.name === "AbortError") return;
      if (!(error instanceof MirrorFailure)) throw error;
      this.status.textContent = [error.message, ...error.lines].join(". ");
    }
    this.isLoading = false;
    this.render();
    const { taken } = this;
    this.take(null);
    // Who pressed a key before the list came has not seen that nothing fits, or only something similar.
    const first = this.options[0]?.item;
    if (taken === "Enter" && ((first && !first.isNear) || this.isWildcard)) this.choose(0);
    else if (taken === "Tab") this.chooseSame();
    else if (taken === "ArrowDown") this.activate(0);
    else if (length && this.items.length > length) this.activate(this.options.findIndex(({ item }) => item === this.items[length]));
  }

  // The key whose work waits for the list. Meanwhile nothing can be typed.
  take(key) {
    this.taken = key;
    this.input.readOnly = key === "Enter" || key === "Tab";
  }

  chooseSame() {
    const index = this.options.findIndex(({ item }) => item && !item.isPattern && item.text.toLowerCase() === this.text.toLowerCase());
    if (index >= 0) this.choose(index);
  }

  get isWildcard() {
    return this.takesWildcards && this.text.includes("*");
  }

  render() {
    const { text, items } = this;
    this.options = items.map((item) => ({ item }));
    // Text as it is typed comes last, but a wildcard is meant.
    if (text && !this.isLoading && !items.some((item) => item.text === text && !item.isPattern)) {
      this.options[this.isWildcard ? "unshift" : "push"]({ text });
    }
    if (this.isPartial) this.options.push({ isMore: true });
    this.list.replaceChildren(...this.options.map(({ item, isMore }, index) => {
      const shown = isMore ? "Show more" : item ? item.text + (item.isPattern ? "*" : "") : `Use “${text}”`;
      const option = element("li", { id: `${this.list.id}-${index}`, className: item ? "" : "more" }, shown,
        ...(item?.note ? [" ", element("small", { textContent: item.note })] : []));
      option.setAttribute("role", "option");
      option.setAttribute("aria-selected", "false");
      return option;
    }));
    this.list.hidden = !this.options.length;
    this.active = -1;
    this.input.removeAttribute("aria-activedescendant");
  }

  show(isOpen) {
    this.popup.hidden = !isOpen;
    this.input.setAttribute("aria-expanded", String(isOpen));
    this.isLoading = isOpen;
    if (isOpen) this.render();
  }

  close() {
    clearTimeout(this.timer);
    this.waiting?.abort();
    this.take(null);
    this.show(false);
  }

  // Half a name does not stay. An empty field is a choice.
  leave() {
    this.close();
    if (!this.input.value && this.picked) this.pick("");
    this.input.value = this.picked;
  }

  pick(text, item) {
    this.value = text;
    this.item = item;
    this.close();
    this.onPick(text, item);
  }

  // Marks a line of the list, or none with -1.
  activate(index) {
    const options = this.list.children;
    options[this.active]?.setAttribute("aria-selected", "false");
    this.active = index;
    const option = options[index];
    if (!option) return this.input.removeAttribute("aria-activedescendant");
    option.setAttribute("aria-selected", "true");
    option.scrollIntoView({ block: "nearest" });
    this.input.setAttribute("aria-activedescendant", option.id);
  }

  choose(index) {
    this.take(null);
    const { item, text, isMore } = this.options[index] ?? {};
    if (isMore) this.loadMore();
    else if (item?.isPattern) {
      this.input.value = item.text;
      this.open();
    } else if (item) this.pick(item.text, item);
    else if (text) this.pick(text);
  }

  onKey(event) {
    const isOpen = !this.popup.hidden;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (!isOpen) {
        this.take("ArrowDown");
        this.open();
      } else if (this.options.length) {
        const next = this.active + (event.key === "ArrowDown" ? 1 : this.active < 0 ? 0 : -1);
        this.activate((next + this.options.length) % this.options.length);
      }
    } else if (event.key === "Escape" && isOpen) {
      event.preventDefault();
      this.close();
    } else if (event.key === "Enter") {
      event.preventDefault();
      this.enter(isOpen);
    } else if (event.key === "Tab" && !event.shiftKey && isOpen && this.input.value && this.input.value !== this.picked) {
      // A whole name counts. Anything else does not stay.
      if (this.isLoading || this.text !== this.input.value) {
        event.preventDefault();
        this.take("Tab");
        if (this.text !== this.input.value) this.open();
      } else if (this.options.some(({ item }) => item?.text.toLowerCase() === this.text.toLowerCase())) {
        event.preventDefault();
        this.chooseSame();
      }
    }
  }

  // Takes the chosen line, else the first one. It waits for the list of what is typed.
  enter(isOpen) {
    const text = this.input.value;
    if (isOpen && this.active >= 0) this.choose(this.active);
    else if (text === this.picked) {
      if (text) this.pick(text, this.item);
      else if (!isOpen) this.open();
    } else if (!text) this.pick("");
    else {
      this.take("Enter");
      if (!isOpen || this.text !== text) this.open();
      else if (!this.isLoading) this.choose(0);
    }
  }
}
