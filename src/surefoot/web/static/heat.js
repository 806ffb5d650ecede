// The settings of a study over learning rate and momentum: dots that can be chosen.
import { ballColour, colour, isDark, numeral, prepared, viridis } from "./look.js";

const EDGE = { left: 48, right: 16, top: 12, bottom: 40 };
const MOMENTA = [0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999];
const WORST = 30;

export function shadeOf(relative, worst) {
  const share = Math.log(Math.min(relative, worst)) / Math.log(worst);
  return `rgb(${viridis(isDark() ? 1 - 0.9 * share : 0.95 * share)})`;
}
export const worstOf = (points) => Math.min(WORST, Math.max(1.5, ...points.filter(({ relative }) => relative !== null).map(({ relative }) => relative)));

export class Heat {
  constructor(canvas, choose) {
    this.canvas = canvas;
    canvas.addEventListener("click", (event) => {
      const box = canvas.getBoundingClientRect();
      const [x, y] = [event.clientX - box.left, event.clientY - box.top];
      const away = (point) => Math.hypot(this.toX(point.lr) - x, this.toY(point.momentum) - y);
      const near = this.points.reduce((best, point) => (away(point) < away(best) ? point : best), this.points[0]);
      if (near && away(near) < 30) choose(near.trial, event.shiftKey);
    });
  }

  draw(points, first, second) {
    const { context, width, height } = prepared(this.canvas);
    Object.assign(this, { points, width, height, longest: Math.max(...points.map(({ steps }) => steps)) });
    context.clearRect(0, 0, width, height);
    if (!points.length) return;
    const rates = points.map(({ lr }) => lr).filter((lr) => lr > 0);
    const gaps = points.map(({ momentum }) => 1 - momentum);
    this.lr = [Math.min(...rates) / 1.3, Math.max(...rates) * 1.3];
    this.gap = [Math.min(...gaps, 0.5) / 1.2, Math.max(...gaps) * 1.1];
    this.drawAxes(context);
    const worst = worstOf(points);
    for (const point of [...points].sort((a, b) => b.steps - a.steps)) this.drawPoint(context, point, worst);
    [[first, 0], [second, 1]].forEach(([trial, number]) => {
      const point = points.find((each) => each.trial === trial);
      if (!point) return;
      context.strokeStyle = ballColour(number);
      context.lineWidth = 3;
      context.beginPath();
      context.arc(this.toX(point.lr), this.toY(point.momentum), 12, 0, 2 * Math.PI);
      context.stroke();
    });
  }

  toX(lr) { return EDGE.left + (Math.log(Math.max(lr, this.lr[0]) / this.lr[0]) / Math.log(this.lr[1] / this.lr[0])) * (this.width - EDGE.left - EDGE.right); }
  toY(momentum) { return EDGE.top + (Math.log((1 - momentum) / this.gap[0]) / Math.log(this.gap[1] / this.gap[0])) * (this.height - EDGE.top - EDGE.bottom); }

  drawPoint(context, point, worst) {
    const [x, y] = [this.toX(point.lr), this.toY(point.momentum)];
    if (point.relative === null) {
      context.fillStyle = colour("ink");
      context.font = "600 12px sans-serif";
      context.textAlign = "center";
      context.textBaseline = "middle";
      context.fillText("\u2715", x, y);
      return;
    }
    context.fillStyle = shadeOf(point.relative, worst);
    context.strokeStyle = colour("ink");
    context.lineWidth = 0.7;
    context.beginPath();
    context.arc(x, y, 3 + 5 * Math.sqrt(point.steps / this.longest), 0, 2 * Math.PI);
    context.fill();
    context.stroke();
  }

  drawAxes(context) {
    context.font = "12px sans-serif";
    context.fillStyle = colour("quiet");
    context.textAlign = "center";
    context.textBaseline = "top";
    const bottom = this.height - EDGE.bottom;
    for (let power = Math.ceil(Math.log10(this.lr[0])); 10 ** power <= this.lr[1]; power++) context.fillText(numeral(10 ** power), this.toX(10 ** power), bottom + 6);
    context.textAlign = "right";
    context.fillText("learning rate", this.width - EDGE.right, bottom + 22);
    context.textBaseline = "middle";
    for (const momentum of MOMENTA) {
      if (1 - momentum < this.gap[0] || 1 - momentum > this.gap[1]) continue;
      context.fillText(String(momentum), EDGE.left - 8, this.toY(momentum));
      context.fillRect(EDGE.left - 5, this.toY(momentum), 4, 1);
    }
    context.strokeStyle = colour("line");
    context.lineWidth = 1;
    context.strokeRect(EDGE.left, EDGE.top, this.width - EDGE.left - EDGE.right, bottom - EDGE.top);
    context.textAlign = "left";
    context.fillText("momentum", EDGE.left + 6, EDGE.top + 10);
  }
}
