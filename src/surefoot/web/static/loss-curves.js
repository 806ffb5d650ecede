// Every ball's loss minus the surface's minimum, on a logarithmic scale, with a cursor at the current step.
import { ballColour, colour, formatNumber, prepareCanvas } from "./drawing.js";

// Room for the axes, in CSS pixels.
const AXIS_LEFT = 46, AXIS_BOTTOM = 18;
const MIN_LOSS = 1e-12;
const MAX_DECADES = 12;

// The curves stay the same during the animation: they are drawn anew only for another answer, canvas size or theme.
let cached = { key: [] };

export function drawLossCurves(canvas, answer, now) {
  const { context, width, height, scale } = prepareCanvas(canvas);
  const key = [answer, width, height, scale, colour("ink")];
  if (key.some((part, i) => part !== cached.key[i])) cached = { key, picture: drawCurves(answer, { width, height, scale }) };
  context.clearRect(0, 0, width, height);
  context.drawImage(cached.picture, 0, 0, width, height);
  context.strokeStyle = colour("ink");
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(toX(now, answer, width), 0);
  context.lineTo(toX(now, answer, width), height - AXIS_BOTTOM + 2);
  context.stroke();
}

const toX = (step, answer, width) => AXIS_LEFT + (step / answer.steps) * (width - AXIS_LEFT - 8);

function drawCurves(answer, { width, height, scale }) {
  const picture = document.createElement("canvas");
  Object.assign(picture, { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) });
  const context = picture.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  const curves = answer.balls.map((ball) => ball.losses.map((loss) => (loss === null ? null : Math.max(loss - answer.lowest, MIN_LOSS))));
  const starts = curves.map((curve) => curve[0]);
  const all = curves.flat().filter((loss) => loss !== null);
  const high = Math.log10(Math.min(Math.max(...all), 1e3 * Math.max(...starts))) + 0.1;
  const low = Math.max(Math.log10(Math.min(...all)), high - MAX_DECADES);
  const toY = (loss) => 6 + ((high - Math.log10(loss)) / Math.max(high - low, 0.1)) * (height - AXIS_BOTTOM - 8);
  drawAxis(context, { low, high, toY, width, height });
  context.beginPath();
  context.rect(AXIS_LEFT, 0, width - AXIS_LEFT, height - AXIS_BOTTOM + 2);
  context.clip();
  curves.forEach((curve, number) => {
    context.strokeStyle = ballColour(number);
    context.lineWidth = 2;
    context.beginPath();
    curve.forEach((loss, i) => loss !== null && context.lineTo(toX(Math.min(i * answer.stride, answer.steps), answer, width), toY(loss)));
    context.stroke();
  });
  return picture;
}

function drawAxis(context, { low, high, toY, width, height }) {
  const every = Math.max(1, Math.ceil((high - low) / 4));
  context.font = "11px sans-serif";
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (let power = Math.ceil(low); power <= high; power += every) {
    context.fillStyle = colour("quiet");
    context.fillText(formatNumber(10 ** power), AXIS_LEFT - 6, toY(10 ** power));
    context.fillStyle = colour("line");
    context.fillRect(AXIS_LEFT, toY(10 ** power), width - AXIS_LEFT, 1);
  }
  context.fillStyle = colour("quiet");
  context.textBaseline = "bottom";
  context.fillText("step", width - 8, height);
}
