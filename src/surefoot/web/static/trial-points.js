// The trials of a study over learning rate and momentum: points that can be selected.
import { ballColour, colour, isDark, formatNumber, prepareCanvas, viridis } from "./drawing.js";

// Around the plot, in CSS pixels.
const MARGIN = { left: 48, right: 16, top: 12, bottom: 40 };
const MOMENTUM_TICKS = [0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999];
// Losses at this multiple of the best and beyond have the same colour.
const MAX_RELATIVE_LOSS = 30;
const CLICK_RADIUS = 30; // CSS pixels

export function relativeLossColour(relative, worst) {
  const share = Math.log(Math.min(relative, worst)) / Math.log(worst);
  return `rgb(${viridis(isDark() ? 1 - 0.9 * share : 0.95 * share)})`;
}
export const worstRelativeLoss = (points) => Math.min(MAX_RELATIVE_LOSS, Math.max(1.5, ...points.filter(({ relative }) => relative !== null).map(({ relative }) => relative)));

export class TrialPoints {
  // onSelect: called with the number of a trial and whether shift was held.
  constructor(canvas, onSelect) {
    this.canvas = canvas;
    canvas.addEventListener("click", (event) => {
      const box = canvas.getBoundingClientRect();
      const [x, y] = [event.clientX - box.left, event.clientY - box.top];
      const distance = (point) => Math.hypot(this.toX(point.lr) - x, this.toY(point.momentum) - y);
      const nearest = this.points.reduce((best, point) => (distance(point) < distance(best) ? point : best), this.points[0]);
      if (nearest && distance(nearest) < CLICK_RADIUS) onSelect(nearest.trial, event.shiftKey);
    });
  }

  draw(points, first, second) {
    const { context, width, height } = prepareCanvas(this.canvas);
    Object.assign(this, { points, width, height, maxSteps: Math.max(...points.map(({ steps }) => steps)) });
    context.clearRect(0, 0, width, height);
    if (!points.length) return;
    const rates = points.map(({ lr }) => lr).filter((lr) => lr > 0);
    const momentumGaps = points.map(({ momentum }) => 1 - momentum);
    this.lrRange = [Math.min(...rates) / 1.3, Math.max(...rates) * 1.3];
    this.gapRange = [Math.min(...momentumGaps, 0.5) / 1.2, Math.max(...momentumGaps) * 1.1];
    this.drawAxes(context);
    const worst = worstRelativeLoss(points);
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

  toX(lr) { return MARGIN.left + (Math.log(Math.max(lr, this.lrRange[0]) / this.lrRange[0]) / Math.log(this.lrRange[1] / this.lrRange[0])) * (this.width - MARGIN.left - MARGIN.right); }
  toY(momentum) { return MARGIN.top + (Math.log((1 - momentum) / this.gapRange[0]) / Math.log(this.gapRange[1] / this.gapRange[0])) * (this.height - MARGIN.top - MARGIN.bottom); }

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
    context.fillStyle = relativeLossColour(point.relative, worst);
    context.strokeStyle = colour("ink");
    context.lineWidth = 0.7;
    context.beginPath();
    context.arc(x, y, 3 + 5 * Math.sqrt(point.steps / this.maxSteps), 0, 2 * Math.PI);
    context.fill();
    context.stroke();
  }

  drawAxes(context) {
    context.font = "12px sans-serif";
    context.fillStyle = colour("quiet");
    context.textAlign = "center";
    context.textBaseline = "top";
    const bottom = this.height - MARGIN.bottom;
    for (let power = Math.ceil(Math.log10(this.lrRange[0])); 10 ** power <= this.lrRange[1]; power++) context.fillText(formatNumber(10 ** power), this.toX(10 ** power), bottom + 6);
    context.textAlign = "right";
    context.fillText("learning rate", this.width - MARGIN.right, bottom + 22);
    context.textBaseline = "middle";
    for (const momentum of MOMENTUM_TICKS) {
      if (1 - momentum < this.gapRange[0] || 1 - momentum > this.gapRange[1]) continue;
      context.fillText(String(momentum), MARGIN.left - 8, this.toY(momentum));
      context.fillRect(MARGIN.left - 5, this.toY(momentum), 4, 1);
    }
    context.strokeStyle = colour("line");
    context.lineWidth = 1;
    context.strokeRect(MARGIN.left, MARGIN.top, this.width - MARGIN.left - MARGIN.right, bottom - MARGIN.top);
    context.textAlign = "left";
    context.fillText("momentum", MARGIN.left + 6, MARGIN.top + 10);
  }
}
