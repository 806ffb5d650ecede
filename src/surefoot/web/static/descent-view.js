// The view with the surface, the balls and the convergence map: what is requested, and where the answers are shown.
import { request, runLatest } from "./api.js";
import { BallList } from "./ball-list.js";
import { drawBalls } from "./balls.js";
import { Clock } from "./clock.js";
import { ballDescription, ConvergenceMap, mapCaption } from "./convergence-map.js";
import { byId, countDrawing, setOptions, setValue, showError } from "./dom.js";
import { formatNumber, onThemeChange } from "./drawing.js";
import { showEventLog } from "./descent-events.js";
import { LossContours } from "./loss-contours.js";
import { drawLossCurves } from "./loss-curves.js";
import { RecipeControls } from "./recipe-controls.js";
import { state, updateState } from "./state.js";

// A narrower canvas is still being laid out; CSS pixels.
const MIN_CANVAS_WIDTH = 60;
const DEFAULT_STEPS_PER_SECOND = 15;

export class DescentView {
  constructor(choices) {
    this.choices = choices;
    // Changed controls by ball that the server has not yet written into the recipes.
    this.changes = new Map();
    this.answers = {};
    this.clock = new Clock(() => this.draw());
    this.timeFromAddress = true;
    this.controls = new RecipeControls(choices, (change) => this.changeControls(change));
    this.map = new ConvergenceMap(byId("map"), (change) => this.changeControls(change));
    this.list = new BallList({
      onSelect: (number) => this.select(number),
      onRewrite: (number, text) => this.rewrite(number, text),
      onRemove: (number) => this.remove(number),
    });
    this.refresh = runLatest((signal) => this.update(signal), (error) => this.showFailure(error));
    this.connectSetup();
    this.connectPlayback();
    onThemeChange(() => this.redraw());
    new ResizeObserver(() => this.redraw()).observe(byId("view-descent"));
    setValue(byId("speed"), state.speed);
    this.clock.stepsPerSecond = Number(byId("speed").value) || DEFAULT_STEPS_PER_SECOND;
  }

  get selected() { return Math.min(Math.max(Number(state.ball) || 0, 0), state.recipes.length - 1); }

  open() { return this.refresh(); }

  connectSetup() {
    setOptions(byId("surface"), this.choices.surfaces.map(({ name }) => name));
    byId("surface").addEventListener("change", (event) => {
      this.changes.clear();
      updateState({ surface: event.target.value, start: null, noise: null });
      this.rewind();
      this.refresh();
    });
    byId("condition").addEventListener("input", (event) => this.change({ condition: formatNumber(10 ** event.target.value) }));
    byId("noise").addEventListener("input", (event) => this.change({ noise: event.target.value }));
    for (const id of ["seed", "steps"]) byId(id).addEventListener("change", (event) => this.change({ [id]: event.target.value }));
    byId("add").addEventListener("click", () => this.add());
    byId("surface-canvas").addEventListener("click", (event) => this.startAt(event));
  }

  connectPlayback() {
    const { clock } = this;
    const goTo = (step) => { clock.goTo(step); updateState({ t: String(Math.round(clock.now * 100) / 100) }); };
    const toggle = () => (clock.playing ? goTo(clock.now) : clock.play());
    const backward = () => goTo(Math.ceil(clock.now) - 1);
    const forward = () => goTo(Math.floor(clock.now) + 1);
    const toStart = () => goTo(0);
    for (const [id, act] of Object.entries({ play: toggle, back: backward, forward, begin: toStart })) byId(id).addEventListener("click", act);
    byId("step-slider").addEventListener("input", (event) => goTo(Number(event.target.value)));
    byId("speed").addEventListener("change", (event) => { clock.stepsPerSecond = Number(event.target.value); updateState({ speed: event.target.value }); });
    document.addEventListener("keydown", (event) => {
      if (state.view !== "descent" || event.altKey || event.ctrlKey || event.metaKey) return;
      if (event.target.closest("input, select, textarea, button, a, .handle")) return;
      const act = { " ": toggle, ArrowLeft: backward, ArrowRight: forward, Home: toStart }[event.key];
      if (!act) return;
      event.preventDefault();
      act();
    });
  }

  // Before the first answer, the setup and recipes of the address are shown, so that they can be corrected.
  showFailure(error) {
    showError(error.message);
    if (this.answer) return;
    this.showSetup();
    this.list.show(state.recipes.map((recipe) => ({ recipe, events: [] })), this.selected, 0);
  }

  change(patch) {
    updateState(patch);
    this.showSetup();
    this.refresh();
  }

  rewind() {
    this.clock.playing = false;
    this.clock.now = 0;
    updateState({ t: "0" });
  }

  changeControls(change) {
    // Another optimizer starts from a recipe of its own: earlier changes do not apply to it.
    this.changes.set(this.selected, change.optimizer ? change : { ...this.changes.get(this.selected), ...change });
    this.refresh();
  }

  select(number) {
    if (number === this.selected) return;
    updateState({ ball: String(number) });
    this.refresh();
  }

  rewrite(number, text) {
    this.changes.delete(number);
    updateState({ recipes: state.recipes.map((recipe, i) => (i === number ? text : recipe)) });
    this.refresh();
  }

  add() {
    if (state.recipes.length >= this.choices.limits.balls) return;
    updateState({ recipes: [...state.recipes, state.recipes[this.selected]], ball: String(state.recipes.length) });
    this.refresh();
  }

  remove(number) {
    this.changes.clear();
    updateState({ recipes: state.recipes.filter((_, i) => i !== number), ball: String(Math.max(this.selected - (number <= this.selected ? 1 : 0), 0)) });
    this.refresh();
  }

  startAt(event) {
    const canvas = byId("surface-canvas").getBoundingClientRect();
    const clicked = [this.contours.fromX(event.clientX - canvas.left), this.contours.fromY(event.clientY - canvas.top)];
    const { dimensions, box } = this.surface;
    const start = clicked.slice(0, dimensions).map((value, i) => Math.min(Math.max(value, box[i][0]), box[i][1]));
    updateState({ start: start.map((value) => value.toPrecision(4)).join(",") });
    this.rewind();
    this.refresh();
  }

  // Requests the surface, the descents and the map for the current state, and shows them.
  async update(signal) {
    const surfaceQuery = [["surface", state.surface]];
    if (state.surface === "ravine") surfaceQuery.push(["condition", state.condition]);
    const noisyQuery = state.noise === null ? surfaceQuery : [...surfaceQuery, ["noise", state.noise]];
    const { recipes } = state;
    const sent = new Map(this.changes);
    const [surface, answer] = await Promise.all([
      this.requestOnce("surface", surfaceQuery),
      request("descent", [...noisyQuery, ...this.descentQuery()], signal),
    ]).catch((error) => { if (error.name !== "AbortError") this.changes.clear(); throw error; });
    showError(null);
    if (this.surface !== surface) { this.surface = surface; this.contours = null; }
    this.answer = answer;
    this.acceptRecipes(answer, sent, recipes);
    this.clock.end = answer.steps;
    if (this.timeFromAddress) this.clock.now = Math.max(Number(state.t) || 0, 0);
    this.clock.now = Math.min(this.clock.now, answer.steps);
    this.timeFromAddress = false;
    this.showSetup();
    this.draw();
    const nesterov = answer.balls[this.selected]?.convergence.method === "nesterov";
    const map = await this.requestOnce("convergence", [...noisyQuery, ["method", nesterov ? "nesterov" : "heavy-ball"]]);
    if (this.map.data !== map) this.map.setData(map);
    this.showMap(map);
    countDrawing();
  }

  descentQuery() {
    const changes = [...this.changes].flatMap(([ball, controls]) => Object.entries(controls).map(([name, value]) => ["change", `${ball}:${name}:${value}`]));
    const start = state.start === null ? [] : [["start", state.start]];
    return [["steps", state.steps], ["seed", state.seed], ...start, ...state.recipes.map((recipe) => ["recipe", recipe]), ...changes];
  }

  // Keeps the last answer of every path for the same query.
  async requestOnce(path, query) {
    const key = JSON.stringify(query);
    if (this.answers[path]?.key !== key) this.answers[path] = { key, answer: await request(path, query) };
    return this.answers[path].answer;
  }

  // The server wrote the sent changes into the recipes; changes made since then are still to be sent.
  acceptRecipes(answer, sent, recipes) {
    for (const [ball, change] of sent) if (this.changes.get(ball) === change) this.changes.delete(ball);
    if (state.recipes === recipes) updateState({ recipes: answer.balls.map((ball) => ball.recipe) });
  }

  showSetup() {
    setValue(byId("surface"), state.surface);
    const surface = this.choices.surfaces.find(({ name }) => name === state.surface);
    byId("surface-description").textContent = surface?.description ?? "";
    byId("condition-label").hidden = state.surface !== "ravine";
    setValue(byId("condition"), Math.log10(Number(state.condition) || 1).toFixed(2));
    byId("condition-out").textContent = state.condition;
    const noise = state.noise ?? String(surface?.noise ?? 0);
    setValue(byId("noise"), noise);
    byId("noise-out").textContent = noise;
    setValue(byId("seed"), state.seed);
    setValue(byId("steps"), state.steps);
    byId("step-slider").max = this.clock.end;
  }

  showMap(map) {
    const { balls } = this.answer;
    this.map.setBalls(balls.map(({ controls, convergence }, number) => ({
      number, lr: controls.lr, momentum: controls.momentum ?? 0, onMap: !convergence.reason && convergence.method === map.method,
    })), this.selected);
    byId("map-caption").textContent = mapCaption(map, state.surface, Number(state.noise));
    const description = ballDescription(balls[this.selected] ?? balls[0], this.selected);
    if (byId("map-description").textContent !== description) byId("map-description").textContent = description;
  }

  redraw() {
    if (!this.answer || byId("view-descent").hidden) return;
    this.contours = null;
    this.map.redraw();
    this.draw();
  }

  draw() {
    if (!this.answer || byId("view-descent").hidden) return;
    const { clock, answer, selected } = this;
    const canvas = byId("surface-canvas");
    if (canvas.clientWidth < MIN_CANVAS_WIDTH) return;
    this.contours ??= new LossContours(this.surface, canvas);
    drawBalls(canvas, this.contours, answer.balls, { now: clock.now, stride: answer.stride, stepsPerSecond: clock.stepsPerSecond, selected });
    drawLossCurves(byId("losses"), answer, clock.now);
    this.controls.show(answer.balls[selected].controls);
    this.list.show(answer.balls, selected, clock.now);
    showEventLog(answer.balls, clock.now);
    setValue(byId("step-slider"), Math.round(clock.now));
    byId("now").textContent = `step ${Math.floor(clock.now)} of ${answer.steps}`;
    const label = clock.playing ? "Pause" : "Play";
    if (byId("play").textContent !== label) byId("play").textContent = label;
  }
}
