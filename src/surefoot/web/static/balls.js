// The balls on the surface at one step: trails, balls and the names of recent events.
import { ballColour, colour, prepareCanvas } from "./drawing.js";

const RADIUS = 10;
// How long the name of an event stays.
const EVENT_LABEL_SECONDS = 1.6;
// Only the latest steps of a trail get a dot: at most so many for one ball, and for all balls together.
const MAX_DOTS_PER_BALL = 400, MAX_DOTS = 1600;
// Shorter moves cannot be seen; CSS pixels.
const MIN_VISIBLE_MOVE = 0.5;
// Canvases draw lines to far away points badly: coordinates stay within this many CSS pixels outside the canvas.
const MAX_OUTSIDE = 2000;

export function drawBalls(canvas, contours, balls, { now, stride, stepsPerSecond, selected }) {
  const { context, width, height } = prepareCanvas(canvas);
  context.clearRect(0, 0, width, height);
  context.drawImage(contours.picture, 0, 0, width, height);
  const order = balls.map((_, number) => number).sort((a, b) => (a === selected) - (b === selected));
  const dots = Math.min(MAX_DOTS_PER_BALL, Math.floor(MAX_DOTS / balls.length));
  for (const number of order) drawTrail(context, contours, balls[number].positions, { index: now / stride, shade: ballColour(number), dots });
  const centres = order.map((number) => drawBall(context, contours, balls[number], number, { now, stride }));
  // A label covers neither a ball nor another label.
  const taken = centres.map(([x, y]) => ({ middle: x, baseline: y + 5, halfWidth: RADIUS }));
  order.forEach((number, i) => drawEventLabel(context, contours, balls[number].events, { x: centres[i][0], y: centres[i][1], now, stepsPerSecond, taken }));
}

// Interpolates between two positions; null once a ball has diverged beyond floating point numbers.
function positionAt(positions, index) {
  const low = Math.min(Math.floor(index), positions.length - 1);
  const [from, to] = [positions[low], positions[Math.min(low + 1, positions.length - 1)]];
  if (from.includes(null)) return null;
  return to.includes(null) ? from : from.map((value, i) => value + (to[i] - value) * (index - low));
}

// Moves a point into the canvas.
function clamped(contours, [x, y]) {
  const margin = RADIUS + 2;
  return [Math.min(Math.max(x, margin), contours.width - margin), Math.min(Math.max(y, margin), contours.height - margin)];
}

const boundedPoint = (contours, point) => point.map((value, i) => Math.min(Math.max(value, -MAX_OUTSIDE), (i ? contours.height : contours.width) + MAX_OUTSIDE));

function drawTrail(context, contours, positions, { index, shade, dots }) {
  context.strokeStyle = shade;
  context.fillStyle = shade;
  context.lineWidth = 1.6;
  context.globalAlpha = 0.75;
  context.beginPath();
  const points = [];
  for (let i = 0; i <= index && i < positions.length; i++) {
    if (positions[i].includes(null)) break;
    const point = boundedPoint(contours, contours.toCanvas(positions[i]));
    const last = points.at(-1);
    if (!last || Math.abs(point[0] - last[0]) + Math.abs(point[1] - last[1]) > MIN_VISIBLE_MOVE) points.push(point);
  }
  const current = positionAt(positions, index);
  const oneDimensional = contours.surface.dimensions === 1;
  if (!oneDimensional) {
    points.forEach((point) => context.lineTo(...point));
    if (current) context.lineTo(...boundedPoint(contours, contours.toCanvas(current)));
    context.stroke();
  }
  context.beginPath();
  for (const point of points.slice(-dots)) {
    context.moveTo(point[0] + 2, point[1]);
    context.arc(...point, oneDimensional ? 2.4 : 1.8, 0, 2 * Math.PI);
  }
  context.fill();
  context.globalAlpha = 1;
}

// Returns the centre of the ball on the canvas.
function drawBall(context, contours, ball, number, { now, stride }) {
  const index = Math.min(now / stride, ball.positions.length - 1);
  const position = positionAt(ball.positions, index) ?? lastFinite(ball.positions, index);
  const exact = contours.toCanvas(position);
  const oneDimensional = contours.surface.dimensions === 1;
  // In one dimension the ball lies on the curve.
  const centre = oneDimensional ? [exact[0], exact[1] - RADIUS] : exact;
  const [x, y] = clamped(contours, centre);
  const outside = Math.hypot(centre[0] - x, centre[1] - y) > 1;
  context.fillStyle = ballColour(number);
  context.strokeStyle = colour("paper");
  context.lineWidth = 2;
  if (outside) drawArrow(context, x, y, Math.atan2(centre[1] - y, centre[0] - x));
  context.beginPath();
  context.arc(x, y, RADIUS, 0, 2 * Math.PI);
  context.fill();
  context.stroke();
  drawNumber(context, number, x, y, oneDimensional && !outside ? (exact[0] - contours.toX(0)) / RADIUS : 0);
  return [x, y];
}

function lastFinite(positions, index) {
  let last = Math.floor(index);
  while (last > 0 && positions[last].includes(null)) last -= 1;
  return positions[last];
}

function drawNumber(context, number, x, y, angle) {
  context.save();
  context.translate(x, y);
  context.rotate(angle); // the ball rolls
  context.fillStyle = colour("paper");
  context.font = "bold 12px sans-serif";
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(String(number + 1), 0, 0.5);
  context.restore();
}

function drawArrow(context, x, y, angle) {
  context.save();
  context.translate(x, y);
  context.rotate(angle);
  context.beginPath();
  context.moveTo(RADIUS + 9, 0); context.lineTo(RADIUS - 2, -7); context.lineTo(RADIUS - 2, 7);
  context.fill();
  context.restore();
}

// Writes the latest event above or below its ball, where it covers nothing else.
function drawEventLabel(context, contours, events, { x, y, now, stepsPerSecond, taken }) {
  const latest = events.filter((event) => now >= event.step && now <= event.step + Math.max(EVENT_LABEL_SECONDS * stepsPerSecond, 1)).at(-1);
  if (!latest) return;
  context.font = "600 13px sans-serif";
  context.textAlign = "center";
  context.textBaseline = "alphabetic";
  const halfWidth = context.measureText(latest.kind).width / 2 + 4;
  const middle = Math.min(Math.max(x, halfWidth), contours.width - halfWidth);
  const baselines = [y - RADIUS - 8, y + RADIUS + 18, y - RADIUS - 26, y + RADIUS + 36, y - RADIUS - 44, y + RADIUS + 54].filter((baseline) => baseline > 14 && baseline < contours.height - 4);
  const free = baselines.find((baseline) => taken.every((other) => Math.abs(other.baseline - baseline) > 14 || Math.abs(other.middle - middle) > halfWidth + other.halfWidth));
  const baseline = free ?? baselines[0];
  taken.push({ middle, baseline, halfWidth });
  context.lineWidth = 4;
  context.lineJoin = "round";
  context.strokeStyle = colour("paper");
  context.fillStyle = colour("ink");
  context.strokeText(latest.kind, middle, baseline);
  context.fillText(latest.kind, middle, baseline);
}
