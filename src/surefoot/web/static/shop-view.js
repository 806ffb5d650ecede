// The schedule workshop: parts, the curve they make, and what to paste.
import { ask, latest } from "./api.js";
import { drawChart } from "./chart.js";
import { copies } from "./clipboard.js";
import { byId, choices, complain, options, show } from "./dom.js";
import { ballColour, numeral, onNewLook } from "./look.js";
import { partForm } from "./part-form.js";
import { change, state } from "./state.js";

const FRAMEWORKS = { pytorch: "PyTorch", lightning: "Lightning", huggingface: "Hugging Face Trainer", keras: "Keras", optax: "optax (JAX)" };

export class ShopView {
  constructor(gallery) {
    choices(byId("shop-optimizer"), gallery.methods);
    this.refresh = latest((signal) => this.update(signal), (error) => complain(error.message));
    options(byId("shop-framework"), Object.entries(FRAMEWORKS), state.framework);
    const set = (patch) => { change(patch); this.refresh(); };
    byId("shop-optimizer").addEventListener("change", (event) => set({ optimizer: event.target.value }));
    byId("shop-momentum").addEventListener("change", (event) => set({ momentum: event.target.value }));
    byId("shop-framework").addEventListener("change", (event) => set({ framework: event.target.value }));
    byId("shop-length").addEventListener("change", (event) => set({ length: event.target.value }));
    byId("shop-schedule").addEventListener("change", (event) => set({ schedule: event.target.value }));
    byId("then").addEventListener("click", () => this.join([...this.texts(), { text: this.answer.fresh.linear, length: null }]));
    copies(byId("view-shop"));
    onNewLook(() => this.draw());
    new ResizeObserver(() => this.draw()).observe(byId("curve"));
  }

  open() { return this.refresh(); }

  async update(signal) {
    const { schedule, length, optimizer, momentum, framework } = state;
    // Shown before it is judged: what is wrong is to be mended.
    for (const [id, value] of [["optimizer", optimizer], ["length", length], ["momentum", momentum], ["schedule", schedule], ["framework", framework]]) show(byId(`shop-${id}`), value);
    this.answer = await ask("workshop", { schedule, length, optimizer, momentum, framework }, signal);
    complain(null);
    if (state.schedule === schedule) change({ schedule: this.answer.schedule });
    show(byId("shop-momentum"), this.answer.momentum ?? "");
    byId("shop-momentum").disabled = this.answer.momentum === null;
    show(byId("shop-schedule"), this.answer.schedule);
    byId("shop-recipe").textContent = this.answer.recipe;
    byId("shop-code").textContent = this.answer.code;
    this.showParts();
    this.draw();
    document.documentElement.dataset.drawn = Number(document.documentElement.dataset.drawn ?? 0) + 1;
  }

  // The forms are built anew only where the schedule is another one: who fills one in keeps the cursor.
  showParts() {
    const key = JSON.stringify(this.answer.parts);
    if (key === this.shown) return;
    this.shown = key;
    const field = document.activeElement?.dataset?.field;
    const place = [...byId("parts").children].findIndex((form) => form.contains(document.activeElement));
    const { parts, fresh } = this.answer;
    byId("parts").replaceChildren(...parts.map((part, number) => partForm(part, number, parts.length, {
      shapes: Object.keys(fresh),
      told: (news) => this.replace(number, news),
      remove: () => this.join(this.texts().filter((_, i) => i !== number)),
    })));
    if (place >= 0) byId("parts").children[place]?.querySelector(field ? `[data-field="${field}"]` : "select")?.focus();
  }

  // Every part's text as it stands, by the server's own writing of the whole.
  texts() {
    const whole = this.answer.schedule.split(/ for (\S+) then /);
    return Array.from({ length: (whole.length + 1) / 2 }, (_, i) => ({ text: whole[2 * i], length: whole[2 * i + 1] ?? null }));
  }

  replace(number, { text, length, fresh }) {
    const parts = this.texts();
    parts[number] = { text: text ?? this.answer.fresh[fresh], length: length ?? parts[number].length };
    this.join(parts);
  }

  // Every part but the last has a length; one that had none before shares the training.
  join(parts) {
    const texts = parts.map(({ text, length }, i) => (i < parts.length - 1 ? `${text} for ${length ?? `${Math.floor(100 / parts.length)}%`} then ` : text));
    change({ schedule: texts.join("") });
    this.refresh();
  }

  draw() {
    if (!this.answer || byId("view-shop").hidden) return;
    const { steps, values, length, momenta } = this.answer;
    drawChart(byId("curve"), [{ x: steps, y: values, colour: ballColour(0), wide: 2.5 }]);
    byId("momentum-curve").hidden = momenta === null;
    if (momenta) drawChart(byId("momenta"), [{ x: steps, y: momenta, colour: ballColour(1), wide: 2.5 }]);
    const most = Math.max(...values);
    byId("curve-words").textContent = `From ${numeral(values[0])} at the first step, at most ${numeral(most)} (step ${steps[values.indexOf(most)]}), ${numeral(values.at(-1))} at the last of ${length}.`;
  }
}
