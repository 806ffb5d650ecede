// The map in words, for the chosen ball.
import { numeral } from "./look.js";

export function captionOf(plane, surface, noise) {
  const method = plane.method === "nesterov" ? "Nesterov momentum" : "momentum";
  const where = plane.exact ? "This surface is quadratic: the map is exact." : `The quadratic model with the curvature at a minimum; on ${surface} it holds near there.`;
  const ignored = !plane.exact && noise > 0 ? " Noise is left aside." : "";
  const line = plane.noise ? "beyond the line the mean square of the error grows" : "beyond the thick line it diverges, before the dashed one it does not swing";
  return `Descent with ${method}: ${line}. ${where}${ignored}`;
}

export function readingOf(ball, number) {
  const { why, rate, region, steps, limit, floor, varies } = ball.theory;
  if (why) return `Ball ${number + 1} has no place on the map: ${why}`;
  const word = { monotone: "shrinks steadily", oscillating: "swings and shrinks", divergent: "diverges" }[region];
  const noisy = floor !== null;
  const what = region === "divergent" ? "its error grows" : noisy ? "its mean square stays bounded" : `its error ${word}`;
  const pace = steps === null ? "" : `, times ${numeral(rate)} a step, ${numeral(Math.max(Math.ceil(steps), 1))} step${steps > 1 ? "s" : ""} to a tenth`;
  const rest = noisy ? ` Noise keeps it about ${numeral(floor)} away.` : "";
  const at = varies ? " (at the peak of its schedules)" : "";
  return `Ball ${number + 1}${at}: ${what}${pace}. Stable below ${numeral(limit)}.${rest}`;
}
