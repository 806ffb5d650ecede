// The balls on the ground at a moment: trails, balls that roll, and the names of what just happened.
import { ballColour, colour, prepared } from "./look.js";

const RADIUS = 10;
// An event is named for so many seconds.
const NAMED = 1.6;
// Steps that have a dot, the last ones: of one ball, and of all; a move of fewer points is none that one sees.
const MOST_DOTS = 400, ALL_DOTS = 1600, STILL = 0.5;

export function drawHill(canvas, ground, balls, { now, every, speed, chosen }) {
  const { context, width, height } = prepared(canvas);
  context.clearRect(0, 0, width, height);
  context.drawImage(ground.picture, 0, 0, width, height);
  const order = balls.map((_, number) => number).sort((a, b) => (a === chosen) - (b === chosen));
  const dots = Math.min(MOST_DOTS, Math.floor(ALL_DOTS / balls.length));
  for (const number of order) drawTrail(context, ground, balls[number].positions, { at: now / every, shade: ballColour(number), dots });
  const places = order.map((number) => drawBall(context, ground, balls[number], number, { now, every }));
  // A word covers neither a ball nor another word.
  const taken = places.map(([x, y]) => ({ middle: x, spot: y + 5, half: RADIUS }));
  order.forEach((number, i) => nameEvent(context, ground, balls[number].events, { x: places[i][0], y: places[i][1], now, speed, taken }));
}

// Where a ball is between two positions, or null where it is nowhere any more.
export function between(positions, at) {
  const low = Math.min(Math.floor(at), positions.length - 1);
  const [from, to] = [positions[low], positions[Math.min(low + 1, positions.length - 1)]];
  if (from.includes(null)) return null;
  return to.includes(null) ? from : from.map((value, i) => value + (to[i] - value) * (at - low));
}

function inside(ground, [x, y]) {
  const margin = RADIUS + 2;
  return [Math.min(Math.max(x, margin), ground.width - margin), Math.min(Math.max(y, margin), ground.height - margin)];
}

// Canvases draw far away lines badly.
const near = (ground, place) => place.map((value, i) => Math.min(Math.max(value, -2000), (i ? ground.height : ground.width) + 2000));

function drawTrail(context, ground, positions, { at, shade, dots }) {
  context.strokeStyle = shade;
  context.fillStyle = shade;
  context.lineWidth = 1.6;
  context.globalAlpha = 0.75;
  context.beginPath();
  const places = [];
  for (let i = 0; i <= at && i < positions.length; i++) {
    if (positions[i].includes(null)) break;
    const place = near(ground, ground.place(positions[i]));
    const last = places.at(-1);
    if (!last || Math.abs(place[0] - last[0]) + Math.abs(place[1] - last[1]) > STILL) places.push(place);
  }
  const here = between(positions, at);
  const flat = ground.surface.dimensions === 1;
  if (!flat) {
    places.forEach((place) => context.lineTo(...place));
    if (here) context.lineTo(...near(ground, ground.place(here)));
    context.stroke();
  }
  context.beginPath();
  for (const place of places.slice(-dots)) {
    context.moveTo(place[0] + 2, place[1]);
    context.arc(...place, flat ? 2.4 : 1.8, 0, 2 * Math.PI);
  }
  context.fill();
  context.globalAlpha = 1;
}

function drawBall(context, ground, ball, number, { now, every }) {
  const at = Math.min(now / every, ball.positions.length - 1);
  const position = between(ball.positions, at);
  const last = position ?? lastKnown(ball.positions, at);
  const exact = ground.place(last);
  const flat = ground.surface.dimensions === 1;
  // On the line a ball lies on the curve, not in it.
  const lifted = flat ? [exact[0], exact[1] - RADIUS] : exact;
  const [x, y] = inside(ground, lifted);
  const away = Math.hypot(lifted[0] - x, lifted[1] - y) > 1;
  context.fillStyle = ballColour(number);
  context.strokeStyle = colour("paper");
  context.lineWidth = 2;
  if (away) drawArrow(context, x, y, Math.atan2(lifted[1] - y, lifted[0] - x));
  context.beginPath();
  context.arc(x, y, RADIUS, 0, 2 * Math.PI);
  context.fill();
  context.stroke();
  drawNumber(context, number, x, y, flat && !away ? (exact[0] - ground.toX(0)) / RADIUS : 0);
  return [x, y];
}

function lastKnown(positions, at) {
  let last = Math.floor(at);
  while (last > 0 && positions[last].includes(null)) last -= 1;
  return positions[last];
}

function drawNumber(context, number, x, y, angle) {
  context.save();
  context.translate(x, y);
  context.rotate(angle); // it rolls
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

// Writes the latest event above its ball, or under it, where no other word is.
function nameEvent(context, ground, events, { x, y, now, speed, taken }) {
  const latest = events.filter((event) => now >= event.step && now <= event.step + Math.max(NAMED * speed, 1)).at(-1);
  if (!latest) return;
  context.font = "600 13px sans-serif";
  context.textAlign = "center";
  context.textBaseline = "alphabetic";
  const half = context.measureText(latest.kind).width / 2 + 4;
  const middle = Math.min(Math.max(x, half), ground.width - half);
  const spots = [y - RADIUS - 8, y + RADIUS + 18, y - RADIUS - 26, y + RADIUS + 36, y - RADIUS - 44, y + RADIUS + 54].filter((spot) => spot > 14 && spot < ground.height - 4);
  const free = spots.find((spot) => taken.every((other) => Math.abs(other.spot - spot) > 14 || Math.abs(other.middle - middle) > half + other.half));
  const spot = free ?? spots[0];
  taken.push({ middle, spot, half });
  context.lineWidth = 4;
  context.lineJoin = "round";
  context.strokeStyle = colour("paper");
  context.fillStyle = colour("ink");
  context.strokeText(latest.kind, middle, spot);
  context.fillText(latest.kind, middle, spot);
}
