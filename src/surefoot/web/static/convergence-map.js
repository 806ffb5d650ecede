// The convergence map: steps to a tenth of the error over learning rate and momentum, on the quadratic model.
import { createElement, createSvgElement } from "./dom.js";
import { ballColour, colour, formatNumber, isDark, mixColours, prepareCanvas, rgbOf, viridis } from "./drawing.js";

// Around the map, in CSS pixels.
const MARGIN = { left: 44, right: 10, top: 8, bottom: 58 };
const MOMENTUM_TICKS = [0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99];
// The end of the colour scale, in steps.
const MAX_STEPS = 1000;
// One press of an arrow key changes the learning rate, or 1 - momentum, by this factor; with shift by its power.
const KEY_FACTOR = 1.1, SHIFT_KEY_POWER = 5;

// Few steps contrast most with the background, in the light and in the dark theme.
function stepsColour(steps) {
  const share = Math.log(Math.min(Math.max(steps, 1), MAX_STEPS)) / Math.log(MAX_STEPS);
  return `rgb(${mixColours(viridis(isDark() ? 1 - share : share), rgbOf(colour("paper")), 0.35)})`;
}

export class ConvergenceMap {
  // onChange: called with {lr, momentum} while the selected ball is moved.
  constructor(container, onChange) {
    this.onChange = onChange;
    this.canvas = createElement("canvas", { "aria-hidden": "true" });
    this.svg = createSvgElement("svg", { role: "group", "aria-label": "Learning rate across, momentum up" });
    container.append(this.canvas, this.svg);
    this.handle = this.makeHandle();
    this.background = createSvgElement("g");
    this.otherBalls = createSvgElement("g");
    this.svg.append(this.background, this.otherBalls, this.handle);
  }

  // data: the answer of /api/convergence.
  setData(data) {
    this.data = data;
    this.redraw();
  }

  redraw() {
    if (!this.data) return;
    const { context, width, height } = prepareCanvas(this.canvas);
    Object.assign(this, { width, height });
    const { lr, momentum } = this.data;
    this.lrRange = [lr[0], lr.at(-1)];
    this.gapRange = [1 - momentum.at(-1), 1];
    this.drawCells(context);
    this.background.replaceChildren(...this.axes(), ...this.boundaries(), ...this.labels());
    this.setBalls(this.balls ?? [], this.selected ?? 0);
  }

  toX(lr) { return MARGIN.left + (Math.log(lr / this.lrRange[0]) / Math.log(this.lrRange[1] / this.lrRange[0])) * (this.width - MARGIN.left - MARGIN.right); }
  toY(momentum) { return this.height - MARGIN.bottom - (Math.log(1 - momentum) / Math.log(this.gapRange[0])) * (this.height - MARGIN.top - MARGIN.bottom); }
  toLr(x) { return this.lrRange[0] * (this.lrRange[1] / this.lrRange[0]) ** ((x - MARGIN.left) / (this.width - MARGIN.left - MARGIN.right)); }
  toMomentum(y) { return 1 - this.gapRange[0] ** ((this.height - MARGIN.bottom - y) / (this.height - MARGIN.top - MARGIN.bottom)); }

  drawCells(context) {
    const { lr, momentum, steps } = this.data;
    context.clearRect(0, 0, this.width, this.height);
    const [mapWidth, mapHeight] = [this.width - MARGIN.left - MARGIN.right, this.height - MARGIN.top - MARGIN.bottom];
    const [across, up] = [mapWidth / (lr.length - 1), mapHeight / (momentum.length - 1)];
    context.save();
    context.beginPath();
    context.rect(MARGIN.left, MARGIN.top, mapWidth, mapHeight);
    context.clip();
    for (let row = 0; row < momentum.length; row++) {
      let last = 1;
      for (let column = 0; column < lr.length; column++) {
        // Cells beyond the limit continue the colour and are covered below: the boundary is exact, not where the cells end.
        last = steps[row * lr.length + column] ?? last;
        context.fillStyle = stepsColour(last);
        context.fillRect(MARGIN.left + (column - 0.5) * across, MARGIN.top + mapHeight - (row + 0.5) * up, across + 1, up + 1);
      }
    }
    context.fillStyle = colour("outside");
    context.beginPath();
    this.data.limit.forEach((rate, i) => context.lineTo(this.toX(Math.min(rate, this.lrRange[1])), this.toY(momentum[i])));
    context.lineTo(this.width, MARGIN.top - 1);
    context.lineTo(this.width, this.height);
    context.lineTo(this.toX(Math.min(this.data.limit[0], this.lrRange[1])), this.height);
    context.fill();
    context.restore();
    this.drawLegend(context);
  }

  drawLegend(context) {
    const [left, barWidth, y] = [MARGIN.left + 118, 110, this.height - 13];
    context.font = "12px sans-serif";
    context.fillStyle = colour("ink");
    context.textBaseline = "middle";
    context.textAlign = "left";
    context.fillText("steps to a tenth:", MARGIN.left, y + 5);
    for (let i = 0; i < barWidth; i++) {
      context.fillStyle = stepsColour(MAX_STEPS ** (i / barWidth));
      context.fillRect(left + i, y, 1.5, 10);
    }
    context.fillStyle = colour("ink");
    context.textAlign = "right";
    context.fillText("1", left - 5, y + 5);
    context.textAlign = "left";
    context.fillText("1000+", left + barWidth + 6, y + 5);
  }

  *axes() {
    const bottom = this.height - MARGIN.bottom;
    for (let power = Math.ceil(Math.log10(this.lrRange[0])); 10 ** power <= this.lrRange[1]; power++) {
      const x = this.toX(10 ** power);
      yield createSvgElement("path", { d: `M${x} ${bottom}v5`, stroke: colour("ink") });
      yield createSvgElement("text", { x, y: bottom + 18, "text-anchor": "middle" }, formatNumber(10 ** power));
    }
    for (const momentum of MOMENTUM_TICKS) {
      const y = this.toY(momentum);
      yield createSvgElement("path", { d: `M${MARGIN.left} ${y}h-5`, stroke: colour("ink") });
      yield createSvgElement("text", { x: MARGIN.left - 8, y: y + 4, "text-anchor": "end" }, String(momentum));
    }
    yield createSvgElement("text", { x: this.width - MARGIN.right, y: bottom + 34, "text-anchor": "end" }, "learning rate");
    yield createSvgElement("text", { x: MARGIN.left + 6, y: MARGIN.top + 14, class: "halo" }, "momentum");
  }

  *boundaries() {
    const { lr, momentum, limit, monotone } = this.data;
    for (const [name, line] of [["limit", limit], ["monotone", monotone]]) {
      if (!line) continue;
      const points = momentum.map((value, i) => [line[i], value]).filter(([rate]) => rate >= lr[0] && rate <= lr.at(-1));
      yield createSvgElement("polyline", { class: name, points: points.map(([rate, value]) => `${this.toX(rate)},${this.toY(value)}`).join(" ") });
    }
  }

  *labels() {
    for (const { text, row, column } of this.data.labels) {
      yield createSvgElement("text", { class: "region halo", x: this.toX(this.data.lr[column]), y: this.toY(this.data.momentum[row]) + 4 }, text);
    }
  }

  // balls: {number, lr, momentum, onMap}; onMap: whether the map holds for the ball's method.
  setBalls(balls, selected) {
    Object.assign(this, { balls, selected });
    if (!this.data) return;
    this.otherBalls.replaceChildren(...balls.filter((ball) => ball.onMap && ball.number !== selected).map((ball) => this.dot(ball)));
    const ball = balls.find(({ number, onMap }) => number === selected && onMap);
    this.handle.setAttribute("visibility", ball ? "visible" : "hidden");
    this.handle.setAttribute("tabindex", ball ? "0" : "-1");
    if (!ball) return;
    this.selectedBall = ball;
    this.handle.replaceChildren(createSvgElement("circle", { r: 15, class: "ring", fill: "none", stroke: colour("ink"), "stroke-width": 1.5 }), ...this.dot(ball, 0, 0).children);
    this.handle.setAttribute("transform", `translate(${this.clampX(this.toX(ball.lr))} ${this.clampY(this.toY(ball.momentum))})`);
    this.handle.setAttribute("aria-valuenow", ball.lr);
    this.handle.setAttribute("aria-valuetext", `learning rate ${formatNumber(ball.lr)}, momentum ${formatNumber(ball.momentum)}`);
  }

  dot(ball, x = this.clampX(this.toX(ball.lr)), y = this.clampY(this.toY(ball.momentum))) {
    const label = createSvgElement("text", { y: 4, "text-anchor": "middle", class: "number" }, String(ball.number + 1));
    return createSvgElement("g", { transform: `translate(${x} ${y})` }, createSvgElement("circle", { r: 10, fill: ballColour(ball.number), stroke: colour("paper"), "stroke-width": 2 }), label);
  }

  clampX(x) { return Math.min(Math.max(x, MARGIN.left), this.width - MARGIN.right); }
  clampY(y) { return Math.min(Math.max(y, MARGIN.top), this.height - MARGIN.bottom); }

  makeHandle() {
    const handle = createSvgElement("g", { class: "handle", role: "slider", "aria-label": "Learning rate and momentum of the selected ball", "aria-valuemin": 0, "aria-valuemax": 10, "aria-valuenow": 0 });
    const moveToPointer = (event) => {
      const box = this.svg.getBoundingClientRect();
      this.move(this.toLr(this.clampX(event.clientX - box.left)), this.toMomentum(this.clampY(event.clientY - box.top)));
    };
    this.svg.addEventListener("pointerdown", (event) => {
      if (this.handle.getAttribute("visibility") === "hidden") return;
      this.svg.setPointerCapture(event.pointerId);
      this.handle.focus({ preventScroll: true });
      event.preventDefault();
      moveToPointer(event);
    });
    this.svg.addEventListener("pointermove", (event) => this.svg.hasPointerCapture(event.pointerId) && moveToPointer(event));
    handle.addEventListener("keydown", (event) => this.moveByKey(event));
    return handle;
  }

  moveByKey(event) {
    const power = event.shiftKey ? SHIFT_KEY_POWER : 1;
    const across = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const up = { ArrowDown: -1, ArrowUp: 1 }[event.key];
    if (!across && !up) return;
    event.preventDefault();
    event.stopPropagation();
    const { lr, momentum } = this.selectedBall;
    this.move(across ? lr * KEY_FACTOR ** (across * power) : lr, up ? 1 - (1 - momentum) / KEY_FACTOR ** (up * power) : momentum);
  }

  move(lr, momentum) {
    const gap = 1 - Math.min(Math.max(momentum, 0), this.data.momentum.at(-1));
    this.onChange({ lr: Number(lr.toPrecision(3)), momentum: Number((1 - Number(gap.toPrecision(3))).toFixed(6)) });
  }
}

// The map's caption. noise: of the gradients, as the user set it.
export function mapCaption(map, surface, noise) {
  const method = map.method === "nesterov" ? "Nesterov momentum" : "heavy-ball momentum";
  const model = map.exact ? "The surface is quadratic: the map is exact." : `The map is of the quadratic model at a minimum of ${surface}, and holds near it.`;
  const ignored = !map.exact && noise > 0 ? " It ignores noise." : "";
  const boundaries = map.noise ? "To the right of the line the mean squared error grows" : "To the right of the solid line descent diverges, to the left of the dashed line it does not oscillate";
  return `Descent with ${method}. Colour: steps until the error has shrunk to a tenth. ${boundaries}. ${model}${ignored}`;
}

// What the quadratic model says of a ball, in words.
export function ballDescription({ convergence }, number) {
  const { reason, rate, region, steps, limit, noise_floor: floor, scheduled } = convergence;
  if (reason) return `Ball ${number + 1} is not on the map: ${reason}`;
  const noisy = floor !== null;
  const error = noisy ? "the mean squared error stays bounded" : `the error ${{ monotone: "shrinks monotonically", oscillating: "oscillates and shrinks" }[region]}`;
  const what = region === "divergent" ? "the error grows" : error;
  const pace = steps === null ? "" : `, by a factor of ${formatNumber(rate)} per step (${formatNumber(Math.max(Math.ceil(steps), 1))} step${steps > 1 ? "s" : ""} to a tenth)`;
  const rest = noisy ? ` Noise keeps it at a distance of about ${formatNumber(floor)} from the minimum.` : "";
  return `Ball ${number + 1}${scheduled ? " at the peak of its schedules" : ""}: ${what}${pace}. Stable below a learning rate of ${formatNumber(limit)}.${rest}`;
}
