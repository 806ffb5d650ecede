// The schedule editor: the parts of a schedule, its curve, and the recipe and code to copy.
import { request, runLatest } from "./api.js";
import { drawChart } from "./chart.js";
import { enableCopyButtons } from "./clipboard.js";
import { byId, countDrawing, setOptions, setValue, showError } from "./dom.js";
import { ballColour, formatNumber, onThemeChange } from "./drawing.js";
import { schedulePartForm } from "./schedule-part-form.js";
import { state, updateState } from "./state.js";

const FRAMEWORKS = { pytorch: "PyTorch", lightning: "Lightning", huggingface: "Hugging Face Trainer", keras: "Keras", optax: "optax (JAX)" };
// Names in the state; the id of the control has a prefix.
const CONTROLS = ["optimizer", "momentum", "framework", "length", "schedule"];
const controlOf = (name) => byId(`editor-${name}`);

export class ScheduleView {
  constructor(choices) {
    setOptions(controlOf("optimizer"), choices.optimizers);
    setOptions(controlOf("framework"), Object.entries(FRAMEWORKS), state.framework);
    this.refresh = runLatest((signal) => this.update(signal), (error) => showError(error.message));
    for (const name of CONTROLS) {
      controlOf(name).addEventListener("change", (event) => { updateState({ [name]: event.target.value }); this.refresh(); });
    }
    byId("add-part").addEventListener("click", () => this.setParts([...this.parts(), { text: this.answer.initial_parts.linear, length: null }]));
    enableCopyButtons(byId("view-schedule"));
    onThemeChange(() => this.draw());
    new ResizeObserver(() => this.draw()).observe(byId("curve"));
  }

  open() { return this.refresh(); }

  async update(signal) {
    const given = Object.fromEntries(CONTROLS.map((name) => [name, state[name]]));
    // Shown before the server answers: what it refuses can then be corrected.
    for (const [name, value] of Object.entries(given)) setValue(controlOf(name), value);
    this.answer = await request("schedule", given, signal);
    showError(null);
    if (state.schedule === given.schedule) updateState({ schedule: this.answer.schedule });
    setValue(controlOf("momentum"), this.answer.momentum ?? "");
    controlOf("momentum").disabled = this.answer.momentum === null;
    setValue(controlOf("schedule"), this.answer.schedule);
    byId("editor-recipe").textContent = this.answer.recipe;
    byId("editor-code").textContent = this.answer.code;
    this.showParts();
    this.draw();
    countDrawing();
  }

  // The forms are rebuilt only for another schedule, and the focus stays in its field.
  showParts() {
    const key = JSON.stringify(this.answer.parts);
    if (key === this.shownParts) return;
    this.shownParts = key;
    const field = document.activeElement?.dataset?.field;
    const index = [...byId("parts").children].findIndex((form) => form.contains(document.activeElement));
    const { parts, initial_parts: initialParts } = this.answer;
    byId("parts").replaceChildren(...parts.map((part, number) => schedulePartForm(part, {
      number,
      count: parts.length,
      shapes: Object.keys(initialParts),
      onChange: (change) => this.replacePart(number, change),
      onRemove: () => this.setParts(this.parts().filter((_, i) => i !== number)),
    })));
    if (index >= 0) byId("parts").children[index]?.querySelector(field ? `[data-field="${field}"]` : "select")?.focus();
  }

  // Every part's text and length, taken from the schedule as the server wrote it.
  parts() {
    const pieces = this.answer.schedule.split(/ for (\S+) then /);
    return Array.from({ length: (pieces.length + 1) / 2 }, (_, i) => ({ text: pieces[2 * i], length: pieces[2 * i + 1] ?? null }));
  }

  replacePart(number, { text, length, newShape }) {
    const parts = this.parts();
    parts[number] = { text: text ?? this.answer.initial_parts[newShape], length: length ?? parts[number].length };
    this.setParts(parts);
  }

  // Every part but the last needs a length; one without gets an equal share of the training.
  setParts(parts) {
    const equalShare = `${Math.floor(100 / parts.length)}%`;
    updateState({ schedule: parts.map(({ text, length }, i) => (i < parts.length - 1 ? `${text} for ${length ?? equalShare} then ` : text)).join("") });
    this.refresh();
  }

  draw() {
    if (!this.answer || byId("view-schedule").hidden) return;
    const { steps, values, length, momentum_values: momentum } = this.answer;
    drawChart(byId("curve"), [{ x: steps, y: values, colour: ballColour(0), width: 2.5 }]);
    byId("momentum-figure").hidden = momentum === null;
    if (momentum) drawChart(byId("momentum-curve"), [{ x: steps, y: momentum, colour: ballColour(1), width: 2.5 }]);
    const highest = Math.max(...values);
    byId("curve-text").textContent = `First step: ${formatNumber(values[0])}. Highest: ${formatNumber(highest)}, at step ${steps[values.indexOf(highest)]}. Last of ${length} steps: ${formatNumber(values.at(-1))}.`;
  }
}
