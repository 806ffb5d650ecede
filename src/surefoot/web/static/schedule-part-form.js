// One part of a schedule as a form, and the form's fields as the text of that part.
import { createElement, setOptions } from "./dom.js";

const HINTS = { length: "steps or %", lengths: "steps or %, joined by +", number: "" };

// onChange: called with {text, length} of the part, or with {newShape} if another shape is selected.
export function schedulePartForm(part, { number, count, shapes, onChange, onRemove }) {
  const shape = createElement("select", { "aria-label": `Shape of part ${number + 1}`, onchange: (event) => onChange({ newShape: event.target.value }) });
  setOptions(shape, shapes, part.shape);
  const inputs = new Map();
  const report = () => onChange({ text: partText(part.shape, inputs), length: inputs.get("length")?.value });
  const fields = [
    ...part.fields,
    { name: "warmup", kind: "length", text: part.warmup },
    { name: "warmup_start", kind: "number", text: part.warmup_start },
    ...(part.length === null ? [] : [{ name: "length", kind: "length", text: part.length }]),
  ];
  const labels = fields.map((field) => {
    const input = fieldControl(field, report);
    inputs.set(field.name, input);
    const hint = HINTS[field.kind] ? ` (${HINTS[field.kind]})` : "";
    return createElement("label", {}, `${field.name.replace("_", " ")}${hint}`, input);
  });
  const remove = createElement("button", { type: "button", disabled: count === 1, "aria-label": `Remove part ${number + 1}`, onclick: onRemove }, "Remove");
  return createElement("fieldset", {}, createElement("legend", {}, `Part ${number + 1}`), createElement("label", {}, "shape", shape), ...labels, remove);
}

function fieldControl({ text, options, name }, report) {
  if (!options) return createElement("input", { value: text, autocomplete: "off", spellcheck: "false", "data-field": name, onchange: report });
  const select = createElement("select", { "data-field": name, onchange: report });
  setOptions(select, options, text);
  return select;
}

function partText(shape, inputs) {
  const hasWarmup = inputs.get("warmup").value.trim() !== "";
  const given = [...inputs].filter(([name, input]) => name !== "length" && input.value.trim() !== "" && (name !== "warmup_start" || hasWarmup));
  return `${shape}(${given.map(([name, input]) => (name === "peak" ? input.value : `${name}=${input.value}`)).join(", ")})`;
}
