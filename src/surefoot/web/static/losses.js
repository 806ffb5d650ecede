// The loss of every ball above the lowest there is, on a logarithmic scale, with the present moment.
import { ballColour, colour, numeral, prepared } from "./look.js";

const LEFT = 46;
const BOTTOM = 18;
const LOWEST = 1e-12;
const DECADES = 12;

// The lines stay while balls roll: they are drawn once for an answer, and again where the canvas or its colours change.
let kept = { key: [] };

export function drawLosses(canvas, answer, now) {
  const { context, width, height, scale } = prepared(canvas);
  const key = [answer, width, height, scale, colour("ink")];
  if (key.some((part, i) => part !== kept.key[i])) kept = { key, picture: linesOf(answer, { width, height, scale }) };
  context.clearRect(0, 0, width, height);
  context.drawImage(kept.picture, 0, 0, width, height);
  context.strokeStyle = colour("ink");
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(placeOf(now, answer, width), 0);
  context.lineTo(placeOf(now, answer, width), height - BOTTOM + 2);
  context.stroke();
}

const placeOf = (step, answer, width) => LEFT + (step / answer.steps) * (width - LEFT - 8);

function linesOf(answer, { width, height, scale }) {
  const picture = document.createElement("canvas");
  Object.assign(picture, { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) });
  const context = picture.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  const curves = answer.balls.map((ball) => ball.losses.map((loss) => (loss === null ? null : Math.max(loss - answer.lowest, LOWEST))));
  const starts = curves.map((curve) => curve[0]);
  const all = curves.flat().filter((loss) => loss !== null);
  const high = Math.log10(Math.min(Math.max(...all), 1e3 * Math.max(...starts))) + 0.1;
  const low = Math.max(Math.log10(Math.min(...all)), high - DECADES);
  const toY = (loss) => 6 + ((high - Math.log10(loss)) / Math.max(high - low, 0.1)) * (height - BOTTOM - 8);
  drawAxis(context, { low, high, toY, width, height });
  context.beginPath();
  context.rect(LEFT, 0, width - LEFT, height - BOTTOM + 2);
  context.clip();
  curves.forEach((curve, number) => {
    context.strokeStyle = ballColour(number);
    context.lineWidth = 2;
    context.beginPath();
    curve.forEach((loss, i) => loss !== null && context.lineTo(placeOf(Math.min(i * answer.every, answer.steps), answer, width), toY(loss)));
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
    context.fillText(numeral(10 ** power), LEFT - 6, toY(10 ** power));
    context.fillStyle = colour("line");
    context.fillRect(LEFT, toY(10 ** power), width - LEFT, 1);
  }
  context.fillStyle = colour("quiet");
  context.textBaseline = "bottom";
  context.fillText("step", width - 8, height);
}
