// The loss of every ball above the lowest there is, on a logarithmic scale, with the present moment.
import { ballColour, colour, numeral, prepared } from "./look.js";

const LEFT = 46;
const BOTTOM = 18;
const LOWEST = 1e-12;
const DECADES = 12;

export function drawLosses(canvas, answer, now) {
  const { context, width, height } = prepared(canvas);
  context.clearRect(0, 0, width, height);
  const curves = answer.balls.map((ball) => ball.losses.map((loss) => (loss === null ? null : Math.max(loss - answer.lowest, LOWEST))));
  const starts = curves.map((curve) => curve[0]);
  const all = curves.flat().filter((loss) => loss !== null);
  const high = Math.log10(Math.min(Math.max(...all), 1e3 * Math.max(...starts))) + 0.1;
  const low = Math.max(Math.log10(Math.min(...all)), high - DECADES);
  const toX = (step) => LEFT + (step / answer.steps) * (width - LEFT - 8);
  const toY = (loss) => 6 + ((high - Math.log10(loss)) / Math.max(high - low, 0.1)) * (height - BOTTOM - 8);
  drawAxis(context, { low, high, toY, width, height });
  context.save();
  context.beginPath();
  context.rect(LEFT, 0, width - LEFT, height - BOTTOM + 2);
  context.clip();
  curves.forEach((curve, number) => {
    context.strokeStyle = ballColour(number);
    context.lineWidth = 2;
    context.beginPath();
    curve.forEach((loss, i) => loss !== null && context.lineTo(toX(Math.min(i * answer.every, answer.steps)), toY(loss)));
    context.stroke();
  });
  context.strokeStyle = colour("ink");
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(toX(now), 0);
  context.lineTo(toX(now), height);
  context.stroke();
  context.restore();
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
