// Colours out of the style sheet, numbers as people read them, canvases as sharp as the screen.
const night = matchMedia("(prefers-color-scheme: dark)");
let cache = new Map();

export function colour(name) {
  if (!cache.has(name)) cache.set(name, getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim());
  return cache.get(name);
}
export const ballColour = (number) => colour(`ball-${number % 8}`);

export function onNewLook(redraw) {
  night.addEventListener("change", () => { cache = new Map(); redraw(); });
}
export const isDark = () => night.matches;

export function numeral(value, digits = 3) {
  if (value === null || !Number.isFinite(value)) return "\u221e";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e6)) return value.toExponential(digits - 1).replace(/\.?0*e/, "e");
  return String(Number(value.toPrecision(digits)));
}

// Returns the canvas's context, its size in CSS pixels, its width and height.
export function prepared(canvas) {
  const box = canvas.getBoundingClientRect();
  const scale = Math.min(devicePixelRatio || 1, 2);
  const [width, height] = [Math.max(1, Math.round(box.width * scale)), Math.max(1, Math.round(box.height * scale))];
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  return { context, width: box.width, height: box.height, scale };
}

// Viridis at nine places, from dark to bright.
const VIRIDIS = [[68, 1, 84], [71, 44, 122], [59, 81, 139], [44, 113, 142], [33, 144, 141], [39, 173, 129], [92, 200, 99], [170, 220, 50], [253, 231, 37]];
export function viridis(share) {
  const place = Math.min(Math.max(share, 0), 1) * (VIRIDIS.length - 1);
  const low = Math.min(Math.floor(place), VIRIDIS.length - 2);
  return VIRIDIS[low].map((part, i) => Math.round(part + (VIRIDIS[low + 1][i] - part) * (place - low)));
}
export const mixed = (from, to, share) => from.map((part, i) => Math.round(part + (to[i] - part) * share));
export const parts = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
