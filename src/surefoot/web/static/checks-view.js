// The checks in the database: a list, and the report of the selected one in a frame.
import { request, runLatest } from "./api.js";
import { byId, countDrawing, setOptions, showError } from "./dom.js";
import { state, updateState } from "./state.js";

// How often the list is fetched again.
const POLL_MS = 3000;

export class ChecksView {
  constructor() {
    this.refresh = runLatest((signal) => this.update(signal), (error) => this.showFailure(error));
    byId("check").addEventListener("change", (event) => { updateState({ check: event.target.value }); this.refresh(); });
    setInterval(() => state.view === "check" && !document.hidden && this.refresh(), POLL_MS);
    const frame = byId("check-report");
    frame.addEventListener("load", () => {
      const content = frame.contentDocument?.documentElement;
      if (content) new ResizeObserver(() => { frame.style.height = `${content.scrollHeight}px`; }).observe(content);
      countDrawing();
    });
  }

  open() { return this.refresh(); }

  showFailure(error) {
    showError(error.message);
    byId("check-report").hidden = true;
  }

  async update(signal) {
    const { checks, path } = await request("checks", [], signal);
    if (!checks.length) throw new Error(`${path} contains no check; surefoot check adds one.`);
    const id = state.check ?? String(checks[0].id);
    setOptions(byId("check"), checks.map((check) => [String(check.id), `${check.id}: ${check.task}, ${check.recipe}: ${check.verdict}, ${check.created.slice(0, 16).replace("T", " ")}`]), id);
    if (!checks.some((check) => String(check.id) === id)) throw new Error(`${path} has no check ${id}; the newest is ${checks[0].id}.`);
    showError(null);
    const frame = byId("check-report");
    frame.hidden = false;
    if (frame.dataset.id !== id) {
      frame.dataset.id = id;
      frame.src = `/check?id=${id}`;
    }
  }
}
