// A line chart with two axes.
import { colour, formatNumber, prepareCanvas } from "./drawing.js";

// Around the plot, in CSS pixels.
const MARGIN = { left: 54, right: 12, top: 8, bottom: 34 };

// lines: {x, y, colour, width, dash}; null in y is a gap. logX, logY: whether an axis is logarithmic.
export function drawChart(canvas, lines, { logX = false, logY = false, xLabel = "step" } = {}) {
  const { context, width, height } = prepareCanvas(canvas);
  context.clearRect(0, 0, width, height);
  const drawable = (value) => value !== null && Number.isFinite(value) && (!logY || value > 0);
  const ys = lines.flatMap(({ y }) => y.filter(drawable));
  const xs = lines.flatMap(({ x }) => x);
  if (!ys.length) return;
  const scaleY = scaleOf(ys, { log: logY, padded: true });
  const scaleX = scaleOf(xs, { log: logX, padded: false });
  const toX = (x) => MARGIN.left + scaleX.share(x) * (width - MARGIN.left - MARGIN.right);
  const toY = (y) => height - MARGIN.bottom - scaleY.share(y) * (height - MARGIN.top - MARGIN.bottom);
  drawAxes(context, { scaleX, scaleY, toX, toY, width, height, xLabel });
  for (const line of lines) {
    context.strokeStyle = line.colour;
    context.lineWidth = line.width ?? 2;
    context.setLineDash(line.dash ?? []);
    context.beginPath();
    line.x.forEach((x, i) => drawable(line.y[i]) && context.lineTo(toX(x), toY(line.y[i])));
    context.stroke();
  }
  context.setLineDash([]);
}

// Returns the ticks of an axis and the function from a value to its share of the axis.
function scaleOf(values, { log, padded }) {
  let [low, high] = values.reduce(([min, max], value) => [Math.min(min, value), Math.max(max, value)], [Infinity, -Infinity]);
  if (log) {
    if (low === high) [low, high] = [low / 2, high * 2];
    const [from, to] = [Math.log10(low), Math.log10(high)];
    const margin = padded ? 0.04 * (to - from) : 0;
    return { share: (value) => (Math.log10(value) - from + margin) / (to - from + 2 * margin), ticks: logTicks(from, to) };
  }
  if (padded && low > 0 && low < 0.5 * high) low = 0;
  if (low === high) [low, high] = [low - (Math.abs(low) || 1) / 2, high + (Math.abs(high) || 1) / 2];
  const margin = padded ? 0.05 * (high - low) : 0;
  return { share: (value) => (value - low) / (high - low + margin), ticks: linearTicks(low, high) };
}

function linearTicks(low, high) {
  const rough = (high - low) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough);
  const ticks = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high + 1e-9 * step; tick += step) ticks.push(Number(tick.toPrecision(12)));
  return ticks;
}

function logTicks(from, to) {
  const mantissas = to - from < 2.3 ? [1, 2, 5] : [1];
  const every = Math.max(1, Math.ceil((to - from) / 6));
  const ticks = [];
  for (let power = Math.floor(from); power <= to; power += every) for (const mantissa of mantissas) ticks.push(mantissa * 10 ** power);
  return ticks.filter((tick) => Math.log10(tick) >= from - 1e-9 && Math.log10(tick) <= to + 1e-9);
}

function drawAxes(context, { scaleX, scaleY, toX, toY, width, height, xLabel }) {
  context.font = "12px sans-serif";
  context.lineWidth = 1;
  context.textBaseline = "middle";
  context.textAlign = "right";
  for (const tick of scaleY.ticks) {
    context.fillStyle = colour("line");
    context.fillRect(MARGIN.left, toY(tick), width - MARGIN.left - MARGIN.right, 1);
    context.fillStyle = colour("quiet");
    context.fillText(formatNumber(tick), MARGIN.left - 7, toY(tick));
  }
  context.textAlign = "center";
  context.textBaseline = "top";
  for (const tick of scaleX.ticks) context.fillText(formatNumber(tick, 6), Math.min(toX(tick), width - 16), height - MARGIN.bottom + 5);
  context.textAlign = "right";
  context.fillText(xLabel, width - MARGIN.right, height - 14);
}
