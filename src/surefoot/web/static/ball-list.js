// The balls, each with its recipe as text, and what happened to it.
import { byId, make } from "./dom.js";
import { ballColour } from "./look.js";

export class BallList {
  constructor({ choose, rewrite, remove }) {
    Object.assign(this, { choose, rewrite, remove, rows: [] });
  }

  show(balls, chosen, now) {
    if (this.rows.length !== balls.length) this.build(balls.length);
    balls.forEach((ball, number) => {
      const { row, badge, field, happened } = this.rows[number];
      row.classList.toggle("chosen", number === chosen);
      badge.setAttribute("aria-pressed", number === chosen);
      badge.style.background = ballColour(number);
      if (document.activeElement !== field && field.value !== ball.recipe) field.value = ball.recipe;
      this.happen(happened, ball.events, now);
    });
  }

  happen(line, events, now) {
    const words = events.filter((event) => event.step <= now).map((event) => `${event.kind} at step ${event.step}`).join(", ");
    if (line.textContent !== words) line.textContent = words;
  }

  build(count) {
    this.rows = Array.from({ length: count }, (_, number) => this.row(number, count));
    byId("balls").replaceChildren(...this.rows.map(({ row }) => row));
  }

  row(number, count) {
    const badge = make("button", { type: "button", class: "badge", "aria-label": `Choose ball ${number + 1}`, onclick: () => this.choose(number) }, String(number + 1));
    const field = make("input", {
      class: "recipe", spellcheck: "false", autocomplete: "off", maxlength: 500, "aria-label": `Recipe of ball ${number + 1}`,
      onfocus: () => this.choose(number),
      onchange: (event) => this.rewrite(number, event.target.value),
    });
    const remove = make("button", { type: "button", "aria-label": `Remove ball ${number + 1}`, disabled: count === 1, onclick: () => this.remove(number) }, "\u00d7");
    const happened = make("p", { class: "happened" });
    return { row: make("li", {}, badge, field, remove, happened), badge, field, happened };
  }
}
