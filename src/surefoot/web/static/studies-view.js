// The studies in the database, updated while they run: trial points, learning curves, frontier and results.
import { request, runLatest } from "./api.js";
import { drawChart } from "./chart.js";
import { byId, countDrawing, createElement, setOptions, showError } from "./dom.js";
import { ballColour, formatNumber, onThemeChange } from "./drawing.js";
import { state, updateState } from "./state.js";
import { relativeLossColour, TrialPoints, worstRelativeLoss } from "./trial-points.js";

export class StudiesView {
  constructor() {
    this.trialPoints = new TrialPoints(byId("trial-points"), (trial, compare) => this.select({ [compare ? "second" : "first"]: String(trial) }));
    this.refresh = runLatest((signal) => this.update(signal), (error) => this.showFailure(error));
    byId("study").addEventListener("change", (event) => this.select({ study: event.target.value, first: null, second: null }));
    for (const id of ["first", "second"]) byId(id).addEventListener("change", (event) => this.select({ [id]: event.target.value || null }));
    onThemeChange(() => this.draw());
    new ResizeObserver(() => this.draw()).observe(byId("view-studies"));
  }

  open() { return this.refresh(); }

  select(patch) {
    updateState(patch);
    this.refresh();
  }

  showFailure(error) {
    showError(error.message);
    byId("study-body").hidden = byId("study-best").hidden = true;
    this.study = null;
    if (!this.listed) this.listen("");
  }

  async update(signal) {
    this.listed = false;
    const { studies, path } = await request("studies", [], signal);
    if (!studies.length) throw new Error(`${path} contains no study yet. surefoot tune adds one, and this page will show it.`);
    const id = state.study ?? String(studies[0].id);
    setOptions(byId("study"), studies.map((study) => [String(study.id), `${study.id}: ${study.task}, ${study.status}, ${study.created.slice(0, 16).replace("T", " ")}`]), id);
    this.listed = true;
    const study = await request("study", { id }, signal);
    const trials = study.points.filter(({ loss }) => loss !== null).sort((a, b) => b.steps - a.steps || a.loss - b.loss);
    const [first, second] = [state.first ?? (trials.length ? String(trials[0].trial) : null), state.second];
    const selected = await Promise.all([first, second].map((trial) => (trial === null ? null : request("curves", { id, trial }, signal))));
    showError(null);
    Object.assign(this, { study, selected, first, second });
    this.listen(id);
    this.showTexts();
    this.draw();
    countDrawing();
  }

  // The server sends an event whenever the study changes or, without an id, the database.
  listen(id) {
    if (this.listeningTo === id) return;
    this.source?.close();
    this.listeningTo = id;
    this.source = new EventSource(`/api/live?id=${id}`);
    this.source.addEventListener("message", ({ data }) => {
      if (state.view !== "studies") return;
      // If the list is shown but no study is, the address names one that does not exist: the user has to select another.
      const unchanged = this.study ? data === this.study.version : this.listed || data.startsWith("error");
      if (!unchanged) this.refresh();
    });
  }

  showTexts() {
    const { points, status, stage, task, config_steps: configSteps, trained_recipes: trainedRecipes, headline, good_range: goodRange } = this.study;
    const live = status === "running" ? ` This page is updated while it runs${stage ? `; now: ${stage}` : ""}.` : "";
    const trials = points.reduce((sum, { seeds }) => sum + seeds, 0);
    byId("study-about").textContent = `${task}: ${status}, ${trials} trial${trials === 1 ? "" : "s"}, ${configSteps.toLocaleString("en")} optimizer steps in total.${live}`;
    byId("study-result").textContent = [headline, goodRange].filter(Boolean).join(" ");
    byId("study-result").hidden = !headline;
    const options = trialOptions(points);
    setOptions(byId("first"), options, this.first);
    setOptions(byId("second"), [["", "none"], ...options], this.second ?? "");
    byId("study-body").hidden = false;
    byId("study-best").hidden = !trainedRecipes.length;
    byId("best").replaceChildren(...trainedRecipes.map(tableRow));
  }

  draw() {
    if (!this.study || byId("view-studies").hidden) return;
    const { points, frontier } = this.study;
    this.trialPoints.draw(points, Number(this.first ?? -1), Number(this.second ?? -1));
    this.drawLegend(worstRelativeLoss(points));
    this.drawCurves();
    this.drawFrontier(frontier);
  }

  drawLegend(worst) {
    byId("trial-points-legend").replaceChildren(...[1, Math.sqrt(worst), worst].map((relative, i) => {
      const patch = createElement("span", {}, `${i === 2 ? "\u2265 " : ""}${formatNumber(relative, 2)}\u00d7`);
      patch.style.background = relativeLossColour(relative, worst);
      patch.style.color = isBright(patch.style.background) ? "#000" : "#fff";
      return patch;
    }), ".");
  }

  drawFrontier(frontier) {
    byId("frontier-figure").hidden = !frontier.length;
    if (!frontier.length) return;
    const x = frontier.map(({ steps }) => steps);
    const line = (field, style) => ({ x, y: frontier.map((point) => point[field]), colour: ballColour(0), ...style });
    const lines = [line("loss", { width: 2.5 }), line("low", { width: 1, dash: [4, 3] }), line("high", { width: 1, dash: [4, 3] })];
    drawChart(byId("frontier"), lines, { logX: true, logY: isPositive(lines), xLabel: "steps" });
    byId("frontier-text").textContent = frontier.map(({ steps, loss, lr, trials }) => `${steps} steps: ${formatNumber(loss)} at learning rate ${formatNumber(lr)}${trials ? "" : " (extrapolated)"}`).join("; ");
  }

  drawCurves() {
    const lines = this.selected.flatMap((trial, number) => (trial?.runs ?? []).map(({ steps, losses }) => ({ x: steps, y: losses, colour: ballColour(number), width: 1.5 })));
    drawChart(byId("curves"), lines, { logY: isPositive(lines) });
    byId("curves-text").textContent = this.selected.filter(Boolean).map(({ trial, recipe, runs }) => `${trial}: ${recipe}, ${runs.length} training${runs.length === 1 ? "" : "s"}`).join("; ");
  }
}

// Every recipe once, with the loss of its longest trainings; the longest and best first.
function trialOptions(points) {
  const longest = new Map();
  for (const point of points) if (!(longest.get(point.trial)?.steps > point.steps)) longest.set(point.trial, point);
  return [...longest.values()]
    .sort((a, b) => b.steps - a.steps || (a.loss ?? Infinity) - (b.loss ?? Infinity))
    .map(({ trial, recipe, loss, steps }) => [String(trial), `${trial}: ${recipe}, ${loss === null ? "diverged" : `loss ${formatNumber(loss)}`} after ${steps} steps`]);
}

function tableRow({ recipe, role, mean, low, high, seeds }) {
  const interval = low === null || high === null ? "unknown" : `${formatNumber(low)} to ${formatNumber(high)}`;
  return createElement("tr", { class: role }, createElement("th", { scope: "row" }, createElement("code", {}, recipe)), createElement("td", {}, role),
    createElement("td", { class: "number" }, mean === null ? "diverged" : formatNumber(mean)), createElement("td", { class: "number" }, interval), createElement("td", { class: "number" }, String(seeds)));
}

const isPositive = (lines) => lines.every(({ y }) => y.every((loss) => loss === null || loss > 0));

// Whether black text has more contrast on a colour than white text, by WCAG's relative luminance.
function isBright(rgb) {
  const [red, green, blue] = rgb.match(/\d+/g).map((channel) => (Number(channel) / 255) ** 2.2);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.18;
}
