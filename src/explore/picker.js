// A text field with a list of what can be entered: the ARIA pattern "editable combobox with list
// autocomplete". The list is loaded as the person types, page by page.
//
// Only a choice from the list counts. Text as it is typed is one of the choices, so half a name is never
// taken by accident.

import { element } from "./dom.js";
import { MirrorFailure } from "./mirror.js";

const TYPING_PAUSE = 200;

// The order of what fits a text: the same, what begins with it, what has it inside. A `*` stands for any text.
function rank(text, wanted) {
  if (wanted.includes("*")) {
    const parts = wanted.split("*").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    return new RegExp(`^${parts.join(".*")}$`, "i").test(text) ? 0 : -1;
  }
  const [found, searched] = [text, wanted].map((each) => each.toLowerCase());
  return text === wanted ? 0 : found === searched ? 1 : found.startsWith(searched) ? 2 : found.includes(searched) ? 3 : -1;
}

// The items that fit a text, the best ones first.
export function fitting(items, wanted) {
  const ranked = items.map((item) => [rank(item.text, wanted), item]).filter(([order]) => order >= 0);
  return ranked.sort(([one], [other]) => one - other).map(([, item]) => item);
}

// `load(text, offset, signal)` returns `{ items: [{ text, note, isPattern }], isPartial, note }`.
// `onPick(text, item)` has no item for text that is not in the list.
export class Picker {
  constructor(place, { load, onPick }) {
    Object.assign(this, { load, onPick, items: [], options: [], active: -1, picked: "" });
    [this.input, this.popup, this.list, this.status] = ["input", ".popup", "ul", "p"].map((part) => place.querySelector(part));
    this.input.addEventListener("input", () => {
      this.isTyping = true;
      this.takesFirst = false;
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.open(), TYPING_PAUSE);
    });
    // A click shows all there is, also if something is chosen.
    this.input.addEventListener("click", () => this.popup.hidden && this.open(""));
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
  }

  async open(text = this.input.value) {
    clearTimeout(this.timer);
    this.isTyping = false;
    this.text = text;
    this.items = [];
    this.show(true);
    await this.loadMore();
  }

  async loadMore() {
    this.waiting?.abort();
    const waiting = (this.waiting = new AbortController());
    const first = this.items.length;
    this.isLoading = true;
    this.status.textContent = "Loading …";
    try {
      const { items, isPartial, note = "" } = await this.load(this.text, first, waiting.signal);
      if (waiting.signal.aborted) return;
      this.items.push(...items);
      this.isPartial = isPartial && items.length > 0;
      this.status.textContent = this.items.length ? note : `Nothing fits. ${note}`.trim();
    } catch (error) {
      if (waiting.signal.aborted || error.name === "AbortError") return;
      if (!(error instanceof MirrorFailure)) throw error;
      this.status.textContent = [error.message, ...error.lines].join(". ");
    }
    this.isLoading = false;
    this.render();
    if (this.takesFirst) this.choose(0);
    else if (first) this.activate(first);
  }

  render() {
    const { text, items } = this;
    this.options = items.map((item) => ({ item }));
    // Text as it is typed comes last, but a wildcard is meant.
    if (text && !this.isLoading && !items.some((item) => item.text === text && !item.isPattern)) {
      this.options[text.includes("*") ? "unshift" : "push"]({ text });
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
    this.takesFirst = this.isTyping = false;
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
    this.close();
    this.onPick(text, item);
  }

  activate(index) {
    const options = this.list.children;
    if (!options.length) return;
    options[this.active]?.setAttribute("aria-selected", "false");
    this.active = (index + options.length) % options.length;
    const option = options[this.active];
    option.setAttribute("aria-selected", "true");
    option.scrollIntoView({ block: "nearest" });
    this.input.setAttribute("aria-activedescendant", option.id);
  }

  choose(index) {
    this.takesFirst = false;
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
      if (!isOpen) this.open();
      else this.activate(this.active + (event.key === "ArrowDown" ? 1 : this.active < 0 ? 0 : -1));
    } else if (event.key === "Escape" && isOpen) {
      event.preventDefault();
      this.close();
    } else if (event.key === "Enter") {
      event.preventDefault();
      this.enter(isOpen);
    }
  }

  // Takes the chosen line, else the first one. It waits for the list of what is typed.
  enter(isOpen) {
    const text = this.input.value;
    if (isOpen && this.active >= 0) this.choose(this.active);
    else if (text === this.picked) {
      if (text) this.pick(text);
      else if (!isOpen) this.open();
    } else if (!text) this.pick("");
    else {
      this.takesFirst = true;
      if (!isOpen || this.isTyping) this.open();
      else if (!this.isLoading) this.choose(0);
    }
  }
}
