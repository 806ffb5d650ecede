// The view with the hill and the map: what is asked, and who is told the answer.
import { ask, latest } from "./api.js";
import { BallList } from "./ball-list.js";
import { Clock } from "./clock.js";
import { DialBoard } from "./dials.js";
import { byId, choices, complain, show } from "./dom.js";
import { Ground } from "./ground.js";
import { drawHill } from "./hill.js";
import { tell } from "./log.js";
import { numeral, onNewLook } from "./look.js";
import { drawLosses } from "./losses.js";
import { Plane } from "./plane.js";
import { captionOf, readingOf } from "./reading.js";
import { change, state } from "./state.js";

// A canvas is not narrower on any screen.
const LEAST = 60;

export class HillView {
  constructor(gallery) {
    this.gallery = gallery;
    this.turns = new Map();
    this.asked = {};
    this.clock = new Clock(() => this.draw());
    this.dials = new DialBoard(gallery, (turn) => this.turn(turn));
    this.plane = new Plane(byId("map"), (turn) => this.turn(turn));
    this.list = new BallList({
      choose: (number) => this.choose(number),
      rewrite: (number, text) => this.rewrite(number, text),
      remove: (number) => this.remove(number),
    });
    this.refresh = latest((signal) => this.update(signal), (error) => this.fail(error));
    this.wireSetup();
    this.wireTime();
    onNewLook(() => this.resize());
    new ResizeObserver(() => this.resize()).observe(byId("view-hill"));
    this.clock.speed = Number(show(byId("speed"), state.speed) ?? byId("speed").value) || 15;
  }

  get chosen() { return Math.min(Math.max(Number(state.ball) || 0, 0), state.recipes.length - 1); }

  open() { return this.refresh(); }

  wireSetup() {
    choices(byId("surface"), this.gallery.surfaces.map(({ name }) => name));
    byId("surface").addEventListener("change", (event) => {
      this.turns.clear();
      change({ surface: event.target.value, start: null, noise: null });
      this.rewind();
      this.refresh();
    });
    byId("condition").addEventListener("input", (event) => this.set({ condition: numeral(10 ** event.target.value) }));
    byId("noise").addEventListener("input", (event) => this.set({ noise: event.target.value }));
    for (const id of ["seed", "steps"]) byId(id).addEventListener("change", (event) => this.set({ [id]: event.target.value }));
    byId("add").addEventListener("click", () => this.add());
    byId("hill").addEventListener("click", (event) => this.startAt(event));
  }

  wireTime() {
    const { clock } = this;
    const pause = () => clock.playing && clock.pause();
    const go = (step) => { pause(); clock.go(step); change({ t: String(Math.round(clock.now * 100) / 100) }); };
    byId("begin").addEventListener("click", () => go(0));
    byId("back").addEventListener("click", () => go(Math.ceil(clock.now) - 1));
    byId("forward").addEventListener("click", () => go(Math.floor(clock.now) + 1));
    byId("scrub").addEventListener("input", (event) => go(Number(event.target.value)));
    byId("speed").addEventListener("change", (event) => { clock.speed = Number(event.target.value); change({ speed: event.target.value }); });
    const toggle = () => {
      if (clock.playing) go(clock.now);
      else clock.play();
    };
    byId("play").addEventListener("click", toggle);
    document.addEventListener("keydown", (event) => {
      if (state.view !== "hill" || event.altKey || event.ctrlKey || event.metaKey) return;
      if (event.target.closest("input, select, textarea, button, a, .handle")) return;
      const act = { " ": toggle, ArrowLeft: () => go(Math.ceil(clock.now) - 1), ArrowRight: () => go(Math.floor(clock.now) + 1), Home: () => go(0) }[event.key];
      if (!act) return;
      event.preventDefault();
      act();
    });
  }

  // Where nothing was answered yet, what was asked is shown nevertheless: it is to be mended.
  fail(error) {
    complain(error.message);
    if (this.answer) return;
    this.showSetup();
    this.list.show(state.recipes.map((recipe) => ({ recipe, events: [] })), this.chosen, 0);
  }

  set(patch) {
    change(patch);
    this.showSetup();
    this.refresh();
  }

  rewind() {
    this.clock.playing = false;
    this.clock.now = 0;
    change({ t: "0" });
  }

  turn(dials) {
    const own = this.turns.get(this.chosen) ?? {};
    // Another optimizer or shape is a recipe of its own: what was turned before is gone.
    this.turns.set(this.chosen, dials.method ? dials : { ...own, ...dials });
    this.refresh();
  }

  choose(number) {
    if (number === this.chosen) return;
    change({ ball: String(number) });
    this.refresh();
  }

  rewrite(number, text) {
    this.turns.delete(number);
    change({ recipes: state.recipes.map((recipe, i) => (i === number ? text : recipe)) });
    this.refresh();
  }

  add() {
    if (state.recipes.length >= this.gallery.limits.balls) return;
    change({ recipes: [...state.recipes, state.recipes[this.chosen]], ball: String(state.recipes.length) });
    this.refresh();
  }

  remove(number) {
    this.turns.clear();
    change({ recipes: state.recipes.filter((_, i) => i !== number), ball: String(Math.max(this.chosen - (number <= this.chosen ? 1 : 0), 0)) });
    this.refresh();
  }

  startAt(event) {
    const box = byId("hill").getBoundingClientRect();
    const place = [this.ground.fromX(event.clientX - box.left), this.ground.fromY(event.clientY - box.top)];
    const inside = place.slice(0, this.surface.dimensions).map((value, i) => Math.min(Math.max(value, this.surface.box[i][0]), this.surface.box[i][1]));
    change({ start: inside.map((value) => value.toPrecision(4)).join(",") });
    this.rewind();
    this.refresh();
  }

  // Asks for what changed, all at once, and shows it.
  async update(signal) {
    const place = [["surface", state.surface]];
    if (state.surface === "ravine") place.push(["condition", state.condition]);
    const noisy = state.noise === null ? place : [...place, ["noise", state.noise]];
    const turns = [...this.turns].flatMap(([ball, dials]) => Object.entries(dials).map(([dial, value]) => ["turn", `${ball}:${dial}:${value}`]));
    const sent = new Map(this.turns);
    const rest = [["steps", state.steps], ["seed", state.seed], ...(state.start === null ? [] : [["start", state.start]])];
    const written = state.recipes;
    const [surface, answer] = await Promise.all([
      this.once("surface", place),
      ask("descent", [...noisy, ...rest, ...written.map((recipe) => ["recipe", recipe]), ...turns], signal),
    ]).catch((error) => { if (error.name !== "AbortError") this.turns.clear(); throw error; });
    complain(null);
    if (this.surface !== surface) { this.surface = surface; this.ground = null; }
    this.answer = answer;
    this.settle(answer, sent, written);
    this.clock.end = answer.steps;
    this.clock.now = Math.min(this.clock.fresh === false ? this.clock.now : Math.max(Number(state.t) || 0, 0), answer.steps);
    this.clock.fresh = false;
    this.showSetup();
    this.draw();
    const nesterov = answer.balls[this.chosen]?.theory.method === "nesterov";
    const plane = await this.once("plane", [...noisy, ["method", nesterov ? "nesterov" : "heavy-ball"]]);
    if (this.plane.data !== plane) this.plane.setData(plane);
    this.showPlane(plane);
    document.documentElement.dataset.drawn = Number(document.documentElement.dataset.drawn ?? 0) + 1;
  }

  // Of the same question the same answer.
  async once(path, params) {
    const key = JSON.stringify(params);
    if (this.asked[path]?.key !== key) this.asked[path] = { key, answer: await ask(path, params) };
    return this.asked[path].answer;
  }

  // The server wrote the recipes whose dials were turned; what was turned since then still is to be sent.
  settle(answer, sent, written) {
    for (const [ball, dials] of sent) if (this.turns.get(ball) === dials) this.turns.delete(ball);
    if (state.recipes === written) change({ recipes: answer.balls.map((ball) => ball.recipe) });
  }

  showSetup() {
    show(byId("surface"), state.surface);
    const about = this.gallery.surfaces.find(({ name }) => name === state.surface);
    byId("about").textContent = about?.about ?? "";
    const ravine = state.surface === "ravine";
    byId("condition-label").hidden = !ravine;
    show(byId("condition"), Math.log10(Number(state.condition) || 1).toFixed(2));
    byId("condition-out").textContent = state.condition;
    const noise = state.noise ?? String(about?.noise ?? 0);
    show(byId("noise"), noise);
    byId("noise-out").textContent = noise;
    show(byId("seed"), state.seed);
    show(byId("steps"), state.steps);
    byId("scrub").max = this.clock.end;
  }

  showPlane(plane) {
    const { balls } = this.answer;
    const own = balls[this.chosen] ?? balls[0];
    this.plane.setBalls(balls.map(({ dials, theory }, number) => ({ number, lr: dials.lr, momentum: dials.momentum ?? 0, here: !theory.why && theory.method === plane.method })), this.chosen);
    byId("map-caption").textContent = captionOf(plane, state.surface, Number(state.noise));
    const reading = readingOf(own, this.chosen);
    if (byId("map-reading").textContent !== reading) byId("map-reading").textContent = reading;
  }

  resize() {
    if (!this.answer || byId("view-hill").hidden) return;
    this.ground = null;
    this.plane.redraw();
    this.draw();
  }

  draw() {
    if (!this.answer || byId("view-hill").hidden) return;
    const { clock, answer } = this;
    if (byId("hill").clientWidth < LEAST) return; // it is being laid out
    this.ground ??= new Ground(this.surface, byId("hill"));
    drawHill(byId("hill"), this.ground, answer.balls, { now: clock.now, every: answer.every, speed: clock.speed, chosen: this.chosen });
    drawLosses(byId("losses"), answer, clock.now);
    this.dials.show(answer.balls[this.chosen].dials);
    this.list.show(answer.balls, this.chosen, clock.now);
    tell(answer.balls, clock.now);
    show(byId("scrub"), Math.round(clock.now));
    byId("now").textContent = `step ${Math.floor(clock.now)} of ${answer.steps}`;
    const word = clock.playing ? "Pause" : "Play";
    if (byId("play").textContent !== word) byId("play").textContent = word;
  }
}
