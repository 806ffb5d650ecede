// The map: learning rate and momentum on the quadratic model, coloured by steps to a tenth of the error.
import { drawn, make } from "./dom.js";
import { ballColour, colour, isDark, mixed, numeral, parts, prepared, viridis } from "./look.js";

const EDGE = { left: 44, right: 10, top: 8, bottom: 58 };
const MOMENTA = [0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99];
const LONGEST = 1000;

// The best stands out from the paper, by day and by night.
function shadeOf(steps) {
  const share = Math.log(Math.min(Math.max(steps, 1), LONGEST)) / Math.log(LONGEST);
  return `rgb(${mixed(viridis(isDark() ? 1 - share : share), parts(colour("paper")), 0.35)})`;
}

export class Plane {
  constructor(holder, turn) {
    this.holder = holder;
    this.turn = turn;
    this.canvas = make("canvas", { "aria-hidden": "true" });
    this.svg = drawn("svg", { role: "group", "aria-label": "Learning rate across, momentum up" });
    holder.append(this.canvas, this.svg);
    this.handle = this.makeHandle();
    this.still = drawn("g");
    this.others = drawn("g");
    this.svg.append(this.still, this.others, this.handle);
  }

  // data: the server's plane; drawn anew only where it, the size or the look is another.
  setData(data) {
    this.data = data;
    this.redraw();
  }

  redraw() {
    if (!this.data) return;
    const { context, width, height } = prepared(this.canvas);
    Object.assign(this, { width, height });
    const { lr, momentum } = this.data;
    this.lr = [lr[0], lr.at(-1)];
    this.gap = [1 - momentum.at(-1), 1];
    this.shade(context);
    this.still.replaceChildren(...this.axes(), ...this.lines(), ...this.names());
    this.setBalls(this.balls ?? [], this.chosen ?? 0);
  }

  toX(lr) { return EDGE.left + (Math.log(lr / this.lr[0]) / Math.log(this.lr[1] / this.lr[0])) * (this.width - EDGE.left - EDGE.right); }
  toY(momentum) { return this.height - EDGE.bottom - (Math.log(1 - momentum) / Math.log(this.gap[0])) * (this.height - EDGE.top - EDGE.bottom); }
  toLr(x) { return this.lr[0] * (this.lr[1] / this.lr[0]) ** ((x - EDGE.left) / (this.width - EDGE.left - EDGE.right)); }
  toMomentum(y) { return 1 - this.gap[0] ** ((this.height - EDGE.bottom - y) / (this.height - EDGE.top - EDGE.bottom)); }

  shade(context) {
    const { lr, momentum, steps } = this.data;
    context.clearRect(0, 0, this.width, this.height);
    const [wide, tall] = [this.width - EDGE.left - EDGE.right, this.height - EDGE.top - EDGE.bottom];
    const [across, up] = [wide / (lr.length - 1), tall / (momentum.length - 1)];
    context.save();
    context.beginPath();
    context.rect(EDGE.left, EDGE.top, wide, tall);
    context.clip();
    for (let row = 0; row < momentum.length; row++) {
      let last = 1;
      for (let column = 0; column < lr.length; column++) {
        // Beyond the limit the colour goes on, and is covered: the line is where it is, not where the cells end.
        last = steps[row * lr.length + column] ?? last;
        context.fillStyle = shadeOf(last);
        context.fillRect(EDGE.left + (column - 0.5) * across, EDGE.top + tall - (row + 0.5) * up, across + 1, up + 1);
      }
    }
    context.fillStyle = colour("outside");
    context.beginPath();
    this.data.limit.forEach((rate, i) => context.lineTo(this.toX(Math.min(rate, this.lr[1])), this.toY(momentum[i])));
    context.lineTo(this.width, EDGE.top - 1);
    context.lineTo(this.width, this.height);
    context.lineTo(this.toX(Math.min(this.data.limit[0], this.lr[1])), this.height);
    context.fill();
    context.restore();
    this.drawLegend(context);
  }

  drawLegend(context) {
    const [left, wide, y] = [EDGE.left + 118, 110, this.height - 13];
    context.font = "12px sans-serif";
    context.fillStyle = colour("ink");
    context.textBaseline = "middle";
    context.textAlign = "left";
    context.fillText("steps to a tenth:", EDGE.left, y + 5);
    for (let i = 0; i < wide; i++) {
      context.fillStyle = shadeOf(LONGEST ** (i / wide));
      context.fillRect(left + i, y, 1.5, 10);
    }
    context.fillStyle = colour("ink");
    context.textAlign = "right";
    context.fillText("1", left - 5, y + 5);
    context.textAlign = "left";
    context.fillText("1000+", left + wide + 6, y + 5);
  }

  *axes() {
    const bottom = this.height - EDGE.bottom;
    for (let power = Math.ceil(Math.log10(this.lr[0])); 10 ** power <= this.lr[1]; power++) {
      const x = this.toX(10 ** power);
      yield drawn("path", { d: `M${x} ${bottom}v5`, stroke: colour("ink") });
      yield drawn("text", { x, y: bottom + 18, "text-anchor": "middle" }, numeral(10 ** power));
    }
    for (const momentum of MOMENTA) {
      const y = this.toY(momentum);
      yield drawn("path", { d: `M${EDGE.left} ${y}h-5`, stroke: colour("ink") });
      yield drawn("text", { x: EDGE.left - 8, y: y + 4, "text-anchor": "end" }, String(momentum));
    }
    yield drawn("text", { x: this.width - EDGE.right, y: bottom + 34, "text-anchor": "end" }, "learning rate");
    yield drawn("text", { x: EDGE.left + 6, y: EDGE.top + 14, class: "halo" }, "momentum");
  }

  *lines() {
    const { lr, momentum, limit, monotone } = this.data;
    for (const [name, line] of [["limit", limit], ["monotone", monotone]]) {
      if (!line) continue;
      const points = momentum.map((value, i) => [line[i], value]).filter(([rate]) => rate >= lr[0] && rate <= lr.at(-1));
      yield drawn("polyline", { class: name, points: points.map(([rate, value]) => `${this.toX(rate)},${this.toY(value)}`).join(" ") });
    }
  }

  *names() {
    for (const { word, row, column } of this.data.names) {
      yield drawn("text", { class: "name halo", x: this.toX(this.data.lr[column]), y: this.toY(this.data.momentum[row]) + 4 }, word);
    }
  }

  // balls: {number, lr, momentum, here}; those that are not here have no place on this map.
  setBalls(balls, chosen) {
    Object.assign(this, { balls, chosen });
    if (!this.data) return;
    this.others.replaceChildren(...balls.filter((ball) => ball.here && ball.number !== chosen).map((ball) => this.dot(ball)));
    const own = balls.find((ball) => ball.number === chosen && ball.here);
    this.handle.setAttribute("visibility", own ? "visible" : "hidden");
    this.handle.setAttribute("tabindex", own ? "0" : "-1");
    if (!own) return;
    this.own = own;
    this.handle.replaceChildren(drawn("circle", { r: 15, class: "ring", fill: "none", stroke: colour("ink"), "stroke-width": 1.5 }), ...this.dot(own, 0, 0).children);
    this.handle.setAttribute("transform", `translate(${this.clampX(this.toX(own.lr))} ${this.clampY(this.toY(own.momentum))})`);
    this.handle.setAttribute("aria-valuenow", own.lr);
    this.handle.setAttribute("aria-valuetext", `learning rate ${numeral(own.lr)}, momentum ${numeral(own.momentum)}`);
  }

  dot(ball, x = this.clampX(this.toX(ball.lr)), y = this.clampY(this.toY(ball.momentum))) {
    const label = drawn("text", { y: 4, "text-anchor": "middle", class: "number" }, String(ball.number + 1));
    return drawn("g", { transform: `translate(${x} ${y})` }, drawn("circle", { r: 10, fill: ballColour(ball.number), stroke: colour("paper"), "stroke-width": 2 }), label);
  }

  clampX(x) { return Math.min(Math.max(x, EDGE.left), this.width - EDGE.right); }
  clampY(y) { return Math.min(Math.max(y, EDGE.top), this.height - EDGE.bottom); }

  makeHandle() {
    const handle = drawn("g", { class: "handle", role: "slider", "aria-label": "The chosen ball's learning rate and momentum", "aria-valuemin": 0, "aria-valuemax": 10, "aria-valuenow": 0 });
    const follow = (event) => {
      const box = this.svg.getBoundingClientRect();
      this.move(this.toLr(this.clampX(event.clientX - box.left)), this.toMomentum(this.clampY(event.clientY - box.top)));
    };
    this.svg.addEventListener("pointerdown", (event) => {
      if (this.handle.getAttribute("visibility") === "hidden") return;
      this.svg.setPointerCapture(event.pointerId);
      this.handle.focus({ preventScroll: true });
      event.preventDefault();
      follow(event);
    });
    this.svg.addEventListener("pointermove", (event) => this.svg.hasPointerCapture(event.pointerId) && follow(event));
    handle.addEventListener("keydown", (event) => this.byKey(event));
    return handle;
  }

  byKey(event) {
    const far = event.shiftKey ? 5 : 1;
    const across = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const up = { ArrowDown: -1, ArrowUp: 1 }[event.key];
    if (!across && !up) return;
    event.preventDefault();
    event.stopPropagation();
    const lr = across ? this.own.lr * 1.1 ** (across * far) : this.own.lr;
    const momentum = up ? 1 - (1 - this.own.momentum) / 1.1 ** (up * far) : this.own.momentum;
    this.move(lr, momentum);
  }

  move(lr, momentum) {
    const steady = Math.min(Math.max(momentum, 0), this.data.momentum.at(-1));
    this.turn({ lr: Number(lr.toPrecision(3)), momentum: Number((1 - Number((1 - steady).toPrecision(3))).toFixed(6)) });
  }
}
