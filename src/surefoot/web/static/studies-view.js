// The studies of the database, live while they run.
import { ask, latest } from "./api.js";
import { drawChart } from "./chart.js";
import { byId, complain, make, options } from "./dom.js";
import { Heat, shadeOf, worstOf } from "./heat.js";
import { ballColour, numeral, onNewLook } from "./look.js";
import { change, state } from "./state.js";

export class StudiesView {
  constructor() {
    this.heat = new Heat(byId("heat"), (trial, compare) => this.choose(compare ? { second: String(trial) } : { first: String(trial) }));
    this.refresh = latest((signal) => this.update(signal), (error) => this.fail(error));
    byId("study").addEventListener("change", (event) => { change({ study: event.target.value, first: null, second: null }); this.refresh(); });
    for (const id of ["first", "second"]) byId(id).addEventListener("change", (event) => this.choose({ [id]: event.target.value || null }));
    onNewLook(() => this.draw());
    new ResizeObserver(() => this.draw()).observe(byId("view-studies"));
  }

  open() { return this.refresh(); }

  choose(patch) {
    change(patch);
    this.refresh();
  }

  fail(error) {
    complain(error.message);
    byId("study-body").hidden = byId("study-best").hidden = true;
    this.found = null;
    if (!this.offered) this.listen("");
  }

  async update(signal) {
    this.offered = false;
    const { studies, path } = await ask("studies", [], signal);
    if (!studies.length) throw new Error(`${path} holds no study yet; surefoot tune writes one, and this page will show it.`);
    const id = state.study ?? String(studies[0].id);
    this.offer(studies, id);
    this.offered = true;
    const found = await ask("study", { id }, signal);
    const trials = found.spots.filter(({ loss }) => loss !== null).sort((a, b) => a.loss - b.loss);
    const [first, second] = [state.first ?? (trials.length ? String(trials[0].trial) : null), state.second];
    const chosen = await Promise.all([first, second].map((trial) => (trial === null ? null : ask("curves", { id, trial }, signal))));
    complain(null);
    Object.assign(this, { found, chosen, first, second });
    this.listen(id);
    this.fill();
    this.draw();
    document.documentElement.dataset.drawn = Number(document.documentElement.dataset.drawn ?? 0) + 1;
  }

  // The server tells when there is news: of a study, or, where there is none to show, of the database.
  listen(id) {
    if (this.heard === id) return;
    this.source?.close();
    this.heard = id;
    this.source = new EventSource(`/api/live?id=${id}`);
    this.source.addEventListener("message", ({ data }) => {
      if (state.view !== "studies") return;
      // Where a link names what is not there, no news mends it: somebody has to choose.
      const old = this.found ? data === this.found.stamp : this.offered || data.startsWith("fault");
      if (!old) this.refresh();
    });
  }

  offer(studies, id) {
    options(byId("study"), studies.map((each) => [String(each.id), `${each.id}: ${each.task}, ${each.status}, ${each.created.slice(0, 16).replace("T", " ")}`]), id);
  }

  fill() {
    const { spots, status, task, config_steps: cost, confirmed } = this.found;
    const live = status === "running" ? " This page follows it." : "";
    byId("study-about").textContent = `${task}: ${status}, ${spots.length} settings tried, ${cost.toLocaleString("en")} config-steps.${live}`;
    const words = (spot) => [String(spot.trial), `${spot.trial}: ${spot.recipe}, ${spot.loss === null ? "diverged" : numeral(spot.loss)}`];
    const sorted = [...spots].sort((a, b) => (a.loss ?? Infinity) - (b.loss ?? Infinity)).map(words);
    const known = new Set(sorted.map(([trial]) => trial));
    const others = confirmed.filter(({ trial }) => !known.has(String(trial))).map(({ trial, recipe, role }) => [String(trial), `${trial}: ${recipe}, ${role}`]);
    options(byId("first"), [...sorted, ...others], this.first);
    options(byId("second"), [["", "nothing"], ...sorted, ...others], this.second ?? "");
    byId("study-body").hidden = false;
    byId("study-best").hidden = !confirmed.length;
    byId("best").replaceChildren(...confirmed.map(row));
  }

  draw() {
    if (!this.found || byId("view-studies").hidden) return;
    const { spots, ramps } = this.found;
    this.heat.draw(spots, Number(this.first ?? -1), Number(this.second ?? -1));
    const worst = worstOf(spots);
    byId("heat-legend").replaceChildren(...[1, Math.sqrt(worst), worst].map((badness, i) => {
      const patch = make("span", {}, `${i === 2 ? "\u2265 " : ""}${numeral(badness, 2)}\u00d7`);
      patch.style.background = shadeOf(badness, worst);
      patch.style.color = bright(patch.style.background) ? "#000" : "#fff";
      return patch;
    }), ".");
    this.drawCurves();
    drawChart(byId("ramps"), ramps.map(({ lr, losses }, number) => ({ x: lr, y: capped(losses), colour: ballColour(number) })), { logX: true, xName: "learning rate at that step" });
    byId("ramps-words").textContent = ramps.length ? ramps.map(({ name, limit }) => `${name}: ${limit === null ? "no limit seen" : `breaks at ${numeral(limit)}`}`).join("; ") : "There was none.";
  }

  drawCurves() {
    const lines = this.chosen.flatMap((each, number) => (each?.runs ?? []).map(({ steps, losses }) => ({ x: steps, y: losses, colour: ballColour(number), wide: 1.5 })));
    const positive = lines.every(({ y }) => y.every((loss) => loss === null || loss > 0));
    drawChart(byId("curves"), lines, { log: positive });
    byId("curves-words").textContent = this.chosen.filter(Boolean).map(({ trial, recipe, runs }) => `${trial}: ${recipe}, ${runs.length} training${runs.length === 1 ? "" : "s"}`).join("; ");
  }
}

function row({ recipe, role, mean, low, high, seeds }) {
  const interval = low === null || high === null ? "not known" : `${numeral(low)} to ${numeral(high)}`;
  return make("tr", { class: role }, make("th", { scope: "row" }, make("code", {}, recipe)), make("td", {}, role),
    make("td", { class: "number" }, mean === null ? "diverged" : numeral(mean)), make("td", { class: "number" }, interval), make("td", { class: "number" }, String(seeds)));
}

// A loss that shoots up leaves the picture, and the rest stays readable.
const capped = (losses) => losses.map((loss) => (loss === null || loss > 1.6 * losses[0] ? null : loss));

// Whether black is easier to read on a shade than white, by WCAG's relative luminance.
function bright(shade) {
  const [red, green, blue] = shade.match(/\d+/g).map((part) => (Number(part) / 255) ** 2.2);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.18;
}
