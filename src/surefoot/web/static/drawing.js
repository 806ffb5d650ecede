// What every figure needs: colours of the style sheet, numbers as text, and a canvas at the screen's resolution.
const darkScheme = matchMedia("(prefers-color-scheme: dark)");
const BALL_COLOURS = 8;
let colours = new Map();

// name: of a custom property in theme.css, without its dashes.
export function colour(name) {
  if (!colours.has(name)) colours.set(name, getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim());
  return colours.get(name);
}
export const ballColour = (number) => colour(`ball-${number % BALL_COLOURS}`);

export function onThemeChange(redraw) {
  darkScheme.addEventListener("change", () => { colours = new Map(); redraw(); });
}
export const isDark = () => darkScheme.matches;

// The server sends null for infinity and NaN.
export function formatNumber(value, digits = 3) {
  if (value === null || !Number.isFinite(value)) return "\u221e";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e6)) return value.toExponential(digits - 1).replace(/\.?0*e/, "e");
  return String(Number(value.toPrecision(digits)));
}

// Returns the canvas's context, scaled to CSS pixels, and its width and height in CSS pixels.
export function prepareCanvas(canvas) {
  const box = canvas.getBoundingClientRect();
  const scale = Math.min(devicePixelRatio || 1, 2);
  const [width, height] = [Math.max(1, Math.round(box.width * scale)), Math.max(1, Math.round(box.height * scale))];
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  return { context, width: box.width, height: box.height, scale };
}

// Matplotlib's viridis at nine equidistant points, from dark to bright.
const VIRIDIS = [[68, 1, 84], [71, 44, 122], [59, 81, 139], [44, 113, 142], [33, 144, 141], [39, 173, 129], [92, 200, 99], [170, 220, 50], [253, 231, 37]];
export function viridis(share) {
  const position = Math.min(Math.max(share, 0), 1) * (VIRIDIS.length - 1);
  const low = Math.min(Math.floor(position), VIRIDIS.length - 2);
  return VIRIDIS[low].map((channel, i) => Math.round(channel + (VIRIDIS[low + 1][i] - channel) * (position - low)));
}
export const mixColours = (from, to, share) => from.map((channel, i) => Math.round(channel + (to[i] - channel) * share));
export const rgbOf = (hex) => [1, 3, 5].map((index) => parseInt(hex.slice(index, index + 2), 16));
