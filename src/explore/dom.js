// Short names for what every part of the page does with its elements.

export const $ = (id) => document.getElementById(id);

export const on = (id, event, react) => $(id).addEventListener(event, react);

export function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

// Fills a select with options `[value, text]`.
export function fill(select, options, chosen = options[0][0]) {
  select.replaceChildren(...options.map(([value, text]) => element("option", { value, textContent: text })));
  select.value = chosen;
}
