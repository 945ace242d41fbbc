// A text field with a list of what can be entered: the ARIA pattern "editable combobox with list
// autocomplete". The list is loaded as the person types, page by page.

import { MirrorFailure } from "./mirror.js";

const TYPING_PAUSE = 200;

export function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

// `load(text, offset, signal)` returns `{ items: [{ text, note, isPattern }], isPartial, note }`.
// `onPick(text, item)` has no item for text that is not in the list.
export class Picker {
  constructor(place, { load, onPick, onInput }) {
    Object.assign(this, { load, onPick, onInput, items: [], active: -1 });
    [this.input, this.popup, this.list, this.status] = ["input", ".popup", "ul", "p"].map((part) => place.querySelector(part));
    this.input.addEventListener("input", () => {
      this.onInput?.(this.input.value);
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
    this.input.addEventListener("blur", () => this.close());
  }

  get value() {
    return this.input.value;
  }

  set value(text) {
    this.input.value = text;
  }

  async open(text = this.value) {
    clearTimeout(this.timer);
    this.text = text;
    this.items = [];
    this.show(true);
    await this.loadMore();
  }

  async loadMore() {
    this.waiting?.abort();
    const waiting = (this.waiting = new AbortController());
    this.status.textContent = "Loading …";
    try {
      const { items, isPartial, note = "" } = await this.load(this.text, this.items.length, waiting.signal);
      if (waiting.signal.aborted) return;
      const first = this.items.length;
      this.items.push(...items);
      this.isPartial = isPartial && items.length > 0;
      this.status.textContent = this.items.length ? note : `Nothing fits. ${note}`;
      this.render();
      if (first) this.activate(first);
    } catch (error) {
      if (waiting.signal.aborted || error.name === "AbortError") return;
      if (!(error instanceof MirrorFailure)) throw error;
      this.render();
      this.status.textContent = [error.message, ...error.lines].join(". ");
    }
  }

  render() {
    const options = this.items.map(({ text, note, isPattern }) => element("li", {},
      isPattern ? `${text}*` : text, ...(note ? [" ", element("small", { textContent: note })] : [])));
    if (this.isPartial) options.push(element("li", { className: "more", textContent: "Show more" }));
    options.forEach((option, index) => {
      option.id = `${this.list.id}-${index}`;
      option.setAttribute("role", "option");
      option.setAttribute("aria-selected", "false");
    });
    this.list.replaceChildren(...options);
    this.list.hidden = !options.length;
    this.active = -1;
    this.input.removeAttribute("aria-activedescendant");
  }

  show(isOpen) {
    this.popup.hidden = !isOpen;
    this.input.setAttribute("aria-expanded", String(isOpen));
    if (isOpen) this.render();
  }

  close() {
    clearTimeout(this.timer);
    this.waiting?.abort();
    this.show(false);
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
    if (index === this.items.length) return this.loadMore();
    const item = this.items[index];
    this.value = item.text;
    if (item.isPattern) {
      this.onInput?.(item.text);
      return this.open();
    }
    this.close();
    return this.onPick(item.text, item);
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
      if (isOpen && this.active >= 0) this.choose(this.active);
      else {
        this.close();
        this.onPick(this.value);
      }
    }
  }
}
