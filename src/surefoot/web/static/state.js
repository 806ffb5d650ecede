// What the page shows is in the address bar: a link shows the same picture. Values are texts; the server judges them.
const DEFAULTS = {
  view: "hill", surface: "ravine", condition: "20", noise: null, seed: "0", steps: "200", start: null,
  ball: "0", t: "0", speed: "15",
  schedule: "cosine(0.3, warmup=5%)", optimizer: "sgd", momentum: "0.9", length: "1000", framework: "pytorch",
  study: null, first: null, second: null, check: null,
};
const DEFAULT_RECIPES = ["sgd(lr=0.4, momentum=0)", "sgd(lr=0.4, momentum=0.8)", "adam(lr=0.1)"];
const WAIT = 250; // browsers refuse to write the address too often

function read() {
  const asked = new URLSearchParams(location.search);
  const state = {};
  for (const [name, value] of Object.entries(DEFAULTS)) state[name] = asked.get(name) ?? value;
  for (const [name, value] of asked) if (!(name in state) && name !== "recipe") state[name] = value;
  state.recipes = asked.getAll("recipe");
  if (!state.recipes.length) state.recipes = [...DEFAULT_RECIPES];
  return state;
}

export const state = read();
let timer = null;

export function change(patch) {
  Object.assign(state, patch);
  clearTimeout(timer);
  timer = setTimeout(write, WAIT);
}

export function address() {
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries(state)) {
    if (name !== "recipes" && value !== null && value !== undefined && value !== DEFAULTS[name]) asked.set(name, value);
  }
  if (JSON.stringify(state.recipes) !== JSON.stringify(DEFAULT_RECIPES)) {
    for (const recipe of state.recipes) asked.append("recipe", recipe);
  }
  return `?${asked}`;
}

// Goes on to another view: the browser's way back leads here.
export function enter(patch) {
  write();
  Object.assign(state, patch);
  history.pushState(null, "", address());
}

// told: called where the browser went back or forth; the state is that of the address again.
export function returned(told) {
  addEventListener("popstate", () => {
    clearTimeout(timer);
    timer = null;
    for (const name of Object.keys(state)) delete state[name];
    Object.assign(state, read());
    told();
  });
}

function write() {
  clearTimeout(timer);
  timer = null;
  history.replaceState(null, "", address());
}
addEventListener("pagehide", () => timer !== null && write());
