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
    const trials = found.points.filter(({ loss }) => loss !== null).sort((a, b) => b.steps - a.steps || a.loss - b.loss);
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
    const { points, status, stage, task, config_steps: cost, contestants, headline, good_range: good } = this.found;
    const live = status === "running" ? ` This page follows it${stage ? `: ${stage}` : ""}.` : "";
    const trials = points.reduce((sum, { seeds }) => sum + seeds, 0);
    byId("study-about").textContent = `${task}: ${status}, ${trials} trial${trials === 1 ? "" : "s"} of ${cost.toLocaleString("en")} steps in all.${live}`;
    byId("study-result").textContent = [headline, good].filter(Boolean).join(" ");
    byId("study-result").hidden = !headline;
    // A recipe stands in the list once, with the loss of its longest trainings.
    const longest = new Map();
    for (const point of points) if (!(longest.get(point.trial)?.steps > point.steps)) longest.set(point.trial, point);
    const words = ({ trial, recipe, loss, steps }) => [String(trial), `${trial}: ${recipe}, ${loss === null ? "diverged" : numeral(loss)} after ${steps} steps`];
    const sorted = [...longest.values()].sort((a, b) => b.steps - a.steps || (a.loss ?? Infinity) - (b.loss ?? Infinity)).map(words);
    options(byId("first"), sorted, this.first);
    options(byId("second"), [["", "nothing"], ...sorted], this.second ?? "");
    byId("study-body").hidden = false;
    byId("study-best").hidden = !contestants.length;
    byId("best").replaceChildren(...contestants.map(row));
  }

  draw() {
    if (!this.found || byId("view-studies").hidden) return;
    const { points, frontier } = this.found;
    this.heat.draw(points, Number(this.first ?? -1), Number(this.second ?? -1));
    const worst = worstOf(points);
    byId("heat-legend").replaceChildren(...[1, Math.sqrt(worst), worst].map((relative, i) => {
      const patch = make("span", {}, `${i === 2 ? "\u2265 " : ""}${numeral(relative, 2)}\u00d7`);
      patch.style.background = shadeOf(relative, worst);
      patch.style.color = bright(patch.style.background) ? "#000" : "#fff";
      return patch;
    }), ".");
    this.drawCurves();
    this.drawFrontier(frontier);
  }

  drawFrontier(frontier) {
    byId("frontier-figure").hidden = !frontier.length;
    if (!frontier.length) return;
    const x = frontier.map(({ steps }) => steps);
    const line = (field, extra) => ({ x, y: frontier.map((point) => point[field]), colour: ballColour(0), ...extra });
    const lines = [line("loss", { wide: 2.5 }), line("low", { wide: 1, dash: [4, 3] }), line("high", { wide: 1, dash: [4, 3] })];
    const positive = lines.every(({ y }) => y.every((loss) => loss === null || loss > 0));
    drawChart(byId("frontier"), lines, { log: positive, logX: true, xName: "steps" });
    byId("frontier-words").textContent = frontier.map(({ steps, loss, lr, trials }) => `${steps} steps: ${numeral(loss)} at learning rate ${numeral(lr)}${trials ? "" : " (extrapolated)"}`).join("; ");
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

// Whether black is easier to read on a shade than white, by WCAG's relative luminance.
function bright(shade) {
  const [red, green, blue] = shade.match(/\d+/g).map((part) => (Number(part) / 255) ** 2.2);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.18;
}
