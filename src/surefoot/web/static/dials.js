// The dials of the chosen ball. A dial is turned here and read by the server, which writes the recipe anew.
import { byId, choices, show } from "./dom.js";
import { numeral } from "./look.js";

const three = (value) => Number(value.toPrecision(3));
const toGap = (v) => 10 ** -v;

export class DialBoard {
  constructor(gallery, turn) {
    choices(byId("method"), gallery.methods);
    choices(byId("schedule"), gallery.schedules);
    this.fixed = { method: gallery.methods, schedule: gallery.schedules };
    byId("method").addEventListener("change", (event) => turn({ method: event.target.value }));
    byId("schedule").addEventListener("change", (event) => turn({ schedule: event.target.value }));
    byId("lr").addEventListener("input", (event) => {
      const lr = three(10 ** Number(event.target.value));
      this.say("lr", lr);
      turn({ lr });
    });
    byId("momentum").addEventListener("input", (event) => {
      const momentum = Number((1 - three(toGap(event.target.value))).toFixed(6));
      this.say("momentum", momentum);
      turn({ momentum });
    });
  }

  say(name, value) {
    byId(`${name}-out`).textContent = numeral(value);
    byId(name).setAttribute("aria-valuetext", numeral(value));
  }

  show(dials) {
    this.showChoice("method", dials.method);
    this.showChoice("schedule", dials.schedule);
    this.say("lr", dials.lr);
    if (document.activeElement !== byId("lr")) show(byId("lr"), Math.log10(dials.lr || 1e-5).toFixed(3));
    const none = dials.momentum === null;
    byId("momentum").disabled = none;
    byId("momentum-name").textContent = none ? "No momentum" : "Momentum";
    this.say("momentum", dials.momentum ?? 0);
    if (document.activeElement !== byId("momentum")) show(byId("momentum"), (-Math.log10(1 - (dials.momentum ?? 0))).toFixed(3));
  }

  // A recipe may have what is not among the choices.
  showChoice(id, value) {
    if (byId(id).value === value) return;
    const known = this.fixed[id];
    choices(byId(id), known.includes(value) ? known : [...known, value]);
    byId(id).value = value;
  }
}
