// A plain chart: lines over steps, with an axis on the left and one below.
import { colour, numeral, prepared } from "./look.js";

const EDGE = { left: 54, right: 12, top: 8, bottom: 34 };

// lines: {x, y, colour, wide, dash}; y may be null where there is nothing. log: whether the axis of y is logarithmic.
export function drawChart(canvas, lines, { log = false, xName = "step", logX = false } = {}) {
  const { context, width, height } = prepared(canvas);
  context.clearRect(0, 0, width, height);
  const sound = (value) => value !== null && Number.isFinite(value) && (!log || value > 0);
  const ys = lines.flatMap(({ y }) => y.filter(sound));
  const xs = lines.flatMap(({ x }) => x);
  if (!ys.length) return;
  const scaleY = scale(ys, log, true);
  const scaleX = scale(xs, logX, false);
  const toX = (x) => EDGE.left + scaleX.share(x) * (width - EDGE.left - EDGE.right);
  const toY = (y) => height - EDGE.bottom - scaleY.share(y) * (height - EDGE.top - EDGE.bottom);
  drawAxes(context, { scaleX, scaleY, toX, toY, width, height, xName });
  for (const line of lines) {
    context.strokeStyle = line.colour;
    context.lineWidth = line.wide ?? 2;
    context.setLineDash(line.dash ?? []);
    context.beginPath();
    line.x.forEach((x, i) => sound(line.y[i]) && context.lineTo(toX(x), toY(line.y[i])));
    context.stroke();
  }
  context.setLineDash([]);
}

function scale(values, log, padded) {
  let [low, high] = values.reduce(([least, most], value) => [Math.min(least, value), Math.max(most, value)], [Infinity, -Infinity]);
  if (log) {
    if (low === high) [low, high] = [low / 2, high * 2];
    const [from, to] = [Math.log10(low), Math.log10(high)];
    const margin = padded ? 0.04 * (to - from) : 0;
    return { share: (value) => (Math.log10(value) - from + margin) / (to - from + 2 * margin), ticks: logTicks(from, to) };
  }
  if (padded && low > 0 && low < 0.5 * high) low = 0;
  if (low === high) [low, high] = [low - (Math.abs(low) || 1) / 2, high + (Math.abs(high) || 1) / 2];
  const margin = padded ? 0.05 * (high - low) : 0;
  return { share: (value) => (value - low) / (high - low + margin), ticks: ticks(low, high) };
}

function ticks(low, high) {
  const rough = (high - low) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough);
  const found = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high + 1e-9 * step; tick += step) found.push(Number(tick.toPrecision(12)));
  return found;
}

function logTicks(from, to) {
  const mantissas = to - from < 2.3 ? [1, 2, 5] : [1];
  const every = Math.max(1, Math.ceil((to - from) / 6));
  const found = [];
  for (let power = Math.floor(from); power <= to; power += every) for (const mantissa of mantissas) found.push(mantissa * 10 ** power);
  return found.filter((tick) => Math.log10(tick) >= from - 1e-9 && Math.log10(tick) <= to + 1e-9);
}

function drawAxes(context, { scaleX, scaleY, toX, toY, width, height, xName }) {
  context.font = "12px sans-serif";
  context.lineWidth = 1;
  context.textBaseline = "middle";
  context.textAlign = "right";
  for (const tick of scaleY.ticks) {
    context.fillStyle = colour("line");
    context.fillRect(EDGE.left, toY(tick), width - EDGE.left - EDGE.right, 1);
    context.fillStyle = colour("quiet");
    context.fillText(numeral(tick), EDGE.left - 7, toY(tick));
  }
  context.textAlign = "center";
  context.textBaseline = "top";
  for (const tick of scaleX.ticks) context.fillText(numeral(tick, 6), Math.min(toX(tick), width - 16), height - EDGE.bottom + 5);
  context.textAlign = "right";
  context.fillText(xName, width - EDGE.right, height - 14);
}
