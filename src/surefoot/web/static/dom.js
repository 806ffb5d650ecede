// Elements by their ids, and new ones.
export const byId = (id) => document.getElementById(id);

export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

export function drawn(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export function choices(select, names, words = (name) => name) {
  select.replaceChildren(...names.map((name) => make("option", { value: name }, words(name))));
}

// Fills a list with pairs of value and words, anew only where they are others, and shows one of them.
export function options(select, pairs, value) {
  const key = JSON.stringify(pairs);
  if (select.dataset.key !== key) {
    select.dataset.key = key;
    select.replaceChildren(...pairs.map(([each, words]) => make("option", { value: each }, words)));
  }
  select.value = value;
}

// Shows a value in a control that the user is not holding.
export function show(control, value) {
  if (String(control.value) !== String(value)) control.value = value;
}

export function complain(message) {
  const line = byId("fault");
  line.hidden = !message;
  if (line.textContent !== (message ?? "")) line.textContent = message ?? "";
}
