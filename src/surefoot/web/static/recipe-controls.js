// The controls of the selected ball's recipe. A change is sent to the server, which applies it to the recipe's text.
import { byId, setOptions, setValue } from "./dom.js";
import { formatNumber } from "./drawing.js";

// Where the slider's logarithm begins for a learning rate of 0.
const MIN_SLIDER_LR = 1e-5;
const roundToThreeDigits = (value) => Number(value.toPrecision(3));

export class RecipeControls {
  constructor(choices, onChange) {
    this.choices = { optimizer: choices.optimizers, schedule: choices.schedules };
    for (const id of ["optimizer", "schedule"]) {
      setOptions(byId(id), this.choices[id]);
      byId(id).addEventListener("change", (event) => onChange({ [id]: event.target.value }));
    }
    byId("lr").addEventListener("input", (event) => {
      const lr = roundToThreeDigits(10 ** Number(event.target.value));
      this.showNumber("lr", lr);
      onChange({ lr });
    });
    // The slider is linear in -log10(1 - momentum).
    byId("momentum").addEventListener("input", (event) => {
      const momentum = Number((1 - roundToThreeDigits(10 ** -event.target.value)).toFixed(6));
      this.showNumber("momentum", momentum);
      onChange({ momentum });
    });
  }

  showNumber(id, value) {
    byId(`${id}-out`).textContent = formatNumber(value);
    byId(id).setAttribute("aria-valuetext", formatNumber(value));
  }

  show({ optimizer, schedule, lr, momentum }) {
    this.showChoice("optimizer", optimizer);
    this.showChoice("schedule", schedule);
    this.showNumber("lr", lr);
    if (document.activeElement !== byId("lr")) setValue(byId("lr"), Math.log10(lr || MIN_SLIDER_LR).toFixed(3));
    byId("momentum").disabled = momentum === null;
    byId("momentum-name").textContent = momentum === null ? "No momentum" : "Momentum";
    this.showNumber("momentum", momentum ?? 0);
    if (document.activeElement !== byId("momentum")) setValue(byId("momentum"), (-Math.log10(1 - (momentum ?? 0))).toFixed(3));
  }

  // A recipe that was typed may have an optimizer or a schedule that the list does not offer.
  showChoice(id, value) {
    const choices = this.choices[id];
    setOptions(byId(id), choices.includes(value) ? choices : [...choices, value], value);
  }
}
