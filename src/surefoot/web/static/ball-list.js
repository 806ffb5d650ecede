// The list of balls: each with its recipe as text and its events so far.
import { byId, createElement } from "./dom.js";
import { ballColour } from "./drawing.js";

export class BallList {
  constructor({ onSelect, onRewrite, onRemove }) {
    Object.assign(this, { onSelect, onRewrite, onRemove, rows: [] });
  }

  show(balls, selected, now) {
    if (this.rows.length !== balls.length) this.build(balls.length);
    balls.forEach((ball, number) => {
      const { row, badge, field, events } = this.rows[number];
      row.classList.toggle("selected", number === selected);
      badge.setAttribute("aria-pressed", number === selected);
      badge.style.background = ballColour(number);
      if (document.activeElement !== field && field.value !== ball.recipe) field.value = ball.recipe;
      showEvents(events, ball.events, now);
    });
  }

  build(count) {
    this.rows = Array.from({ length: count }, (_, number) => this.row(number, count));
    byId("balls").replaceChildren(...this.rows.map(({ row }) => row));
  }

  row(number, count) {
    const badge = createElement("button", { type: "button", class: "badge", "aria-label": `Select ball ${number + 1}`, onclick: () => this.onSelect(number) }, String(number + 1));
    const field = createElement("input", {
      class: "recipe", spellcheck: "false", autocomplete: "off", maxlength: 500, "aria-label": `Recipe of ball ${number + 1}`,
      onfocus: () => this.onSelect(number),
      onchange: (event) => this.onRewrite(number, event.target.value),
    });
    const remove = createElement("button", { type: "button", "aria-label": `Remove ball ${number + 1}`, disabled: count === 1, onclick: () => this.onRemove(number) }, "\u00d7");
    const events = createElement("p", { class: "events" });
    return { row: createElement("li", {}, badge, field, remove, events), badge, field, events };
  }
}

function showEvents(line, events, now) {
  const text = events.filter((event) => event.step <= now).map((event) => `${event.kind} at step ${event.step}`).join(", ");
  if (line.textContent !== text) line.textContent = text;
}
