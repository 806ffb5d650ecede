// Short forms for DOM elements: find, create, fill and update them.
export const byId = (id) => document.getElementById(id);

// An attribute "onNAME" is a listener; true sets an empty attribute; false, null and undefined set none.
export function createElement(tag, attributes = {}, ...children) {
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

export function createSvgElement(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// Fills a <select> and selects a value, if one is given. options: values, or pairs of a value and its label. The list is
// rebuilt only if it changed, so an open list stays open.
export function setOptions(select, options, selected = null) {
  const pairs = options.map((option) => (Array.isArray(option) ? option : [option, option]));
  const key = JSON.stringify(pairs);
  if (select.dataset.key !== key) {
    select.dataset.key = key;
    select.replaceChildren(...pairs.map(([value, label]) => createElement("option", { value }, label)));
  }
  if (selected !== null) select.value = selected;
}

export function setValue(control, value) {
  if (String(control.value) !== String(value)) control.value = value;
}

export function showError(message) {
  const line = byId("error");
  line.hidden = !message;
  if (line.textContent !== (message ?? "")) line.textContent = message ?? "";
}

// Counts how often the page was drawn with an answer of the server; tests and benchmarks wait for the next one.
export function countDrawing() {
  const { dataset } = document.documentElement;
  dataset.drawn = Number(dataset.drawn ?? 0) + 1;
}
