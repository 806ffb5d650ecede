// One part of a schedule as a form, and a form as the text of a part.
import { choices, make } from "./dom.js";

const HINTS = { length: "steps or %", lengths: "steps or %, with +", number: "" };

// told: called with the text of the part, or with {fresh: shape} where another shape is chosen.
export function partForm(part, number, count, { shapes, told, remove }) {
  const shape = make("select", { "aria-label": `Shape of part ${number + 1}`, onchange: (event) => told({ fresh: event.target.value }) });
  choices(shape, shapes);
  shape.value = part.shape;
  const inputs = new Map();
  const report = () => told({ text: textOf(part.shape, inputs), length: inputs.get("length")?.value });
  const fields = [
    ...part.fields,
    { name: "warmup", kind: "length", text: part.warmup },
    { name: "warmup_start", kind: "number", text: part.warmup_start },
    ...(part.length === null ? [] : [{ name: "length", kind: "length", text: part.length }]),
  ];
  const labels = fields.map((field) => {
    const input = control(field, report);
    inputs.set(field.name, input);
    const hint = HINTS[field.kind] ? ` (${HINTS[field.kind]})` : "";
    return make("label", {}, `${field.name === "length" ? "lasts" : field.name.replace("_", " ")}${hint}`, input);
  });
  const gone = make("button", { type: "button", disabled: count === 1, "aria-label": `Remove part ${number + 1}`, onclick: remove }, "Remove");
  return make("fieldset", {}, make("legend", {}, `Part ${number + 1}`), make("label", {}, "shape", shape), ...labels, gone);
}

function control({ text, options, name }, report) {
  if (!options) return make("input", { value: text, autocomplete: "off", spellcheck: "false", "data-field": name, onchange: report });
  const select = make("select", { "data-field": name, onchange: report });
  choices(select, options);
  select.value = text;
  return select;
}

function textOf(shape, inputs) {
  const given = [...inputs].filter(([name, input]) => name !== "length" && input.value.trim() !== "" && !(name === "warmup_start" && !inputs.get("warmup").value.trim()));
  return `${shape}(${given.map(([name, input]) => (name === "peak" ? input.value : `${name}=${input.value}`)).join(", ")})`;
}
