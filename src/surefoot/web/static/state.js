// The state of the page, kept in the address bar: a link shows the same picture. Values are texts; the server checks them.
const DEFAULTS = {
  view: "descent", surface: "ravine", condition: "20", noise: null, seed: "0", steps: "200", start: null,
  ball: "0", t: "0", speed: "15",
  schedule: "cosine(0.3, warmup=5%)", optimizer: "sgd", momentum: "0.9", length: "1000", framework: "pytorch",
  study: null, first: null, second: null, check: null,
};
const DEFAULT_RECIPES = ["sgd(lr=0.4, momentum=0)", "sgd(lr=0.4, momentum=0.8)", "adam(lr=0.1)"];
const WRITE_DELAY_MS = 250; // browsers limit how often the address may be changed

function readAddress() {
  const query = new URLSearchParams(location.search);
  const values = {};
  for (const [name, value] of Object.entries(DEFAULTS)) values[name] = query.get(name) ?? value;
  for (const [name, value] of query) if (!(name in values) && name !== "recipe") values[name] = value;
  values.recipes = query.getAll("recipe");
  if (!values.recipes.length) values.recipes = [...DEFAULT_RECIPES];
  return values;
}

export const state = readAddress();
let timer = null;

export function updateState(patch) {
  Object.assign(state, patch);
  clearTimeout(timer);
  timer = setTimeout(writeAddress, WRITE_DELAY_MS);
}

function address() {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(state)) {
    if (name !== "recipes" && value !== null && value !== undefined && value !== DEFAULTS[name]) query.set(name, value);
  }
  if (JSON.stringify(state.recipes) !== JSON.stringify(DEFAULT_RECIPES)) {
    for (const recipe of state.recipes) query.append("recipe", recipe);
  }
  return `?${query}`;
}

// Like updateState, but adds an entry to the browser's history.
export function pushState(patch) {
  writeAddress();
  Object.assign(state, patch);
  history.pushState(null, "", address());
}

// Calls the listener after the browser went back or forward; the state is then read from the address.
export function onHistoryNavigation(listener) {
  addEventListener("popstate", () => {
    clearTimeout(timer);
    timer = null;
    for (const name of Object.keys(state)) delete state[name];
    Object.assign(state, readAddress());
    listener();
  });
}

function writeAddress() {
  clearTimeout(timer);
  timer = null;
  history.replaceState(null, "", address());
}
addEventListener("pagehide", () => timer !== null && writeAddress());
