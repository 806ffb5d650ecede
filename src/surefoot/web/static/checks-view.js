// The checks of the database: a list, and the report that the command wrote of the chosen one.
import { ask, latest } from "./api.js";
import { byId, complain, options } from "./dom.js";
import { change, state } from "./state.js";

const EVERY = 3000; // milliseconds between two looks for a check that has come

export class ChecksView {
  constructor() {
    this.refresh = latest((signal) => this.update(signal), (error) => this.fail(error));
    byId("check").addEventListener("change", (event) => { change({ check: event.target.value }); this.refresh(); });
    setInterval(() => state.view === "check" && !document.hidden && this.refresh(), EVERY);
    const frame = byId("check-report");
    frame.addEventListener("load", () => {
      const content = frame.contentDocument?.documentElement;
      if (content) new ResizeObserver(() => { frame.style.height = `${content.scrollHeight}px`; }).observe(content);
      document.documentElement.dataset.drawn = Number(document.documentElement.dataset.drawn ?? 0) + 1;
    });
  }

  open() { return this.refresh(); }

  fail(error) {
    complain(error.message);
    byId("check-report").hidden = true;
  }

  async update(signal) {
    const { checks, path } = await ask("checks", [], signal);
    if (!checks.length) throw new Error(`${path} holds no check yet; surefoot check writes one.`);
    const id = state.check ?? String(checks[0].id);
    options(byId("check"), checks.map((each) => [String(each.id), `${each.id}: ${each.task}, ${each.recipe}: ${each.verdict}, ${each.created.slice(0, 16).replace("T", " ")}`]), id);
    if (!checks.some((each) => String(each.id) === id)) throw new Error(`${path} has no check ${id}; its newest is ${checks[0].id}.`);
    complain(null);
    const frame = byId("check-report");
    frame.hidden = false;
    if (frame.dataset.id !== id) {
      frame.dataset.id = id;
      frame.src = `/check?id=${id}`;
    }
  }
}
