// Entry point: fetches the choices of all controls, then opens the view that the address names.
import { request } from "./api.js";
import { ChecksView } from "./checks-view.js";
import { DescentView } from "./descent-view.js";
import { byId, showError } from "./dom.js";
import { ScheduleView } from "./schedule-view.js";
import { onHistoryNavigation, pushState, state, updateState } from "./state.js";
import { StudiesView } from "./studies-view.js";

const VIEWS = { descent: DescentView, schedule: ScheduleView, studies: StudiesView, check: ChecksView };
const DEFAULT_VIEW = "descent";
const opened = {};

async function openView(name) {
  for (const link of byId("views").children) {
    const current = link.dataset.view === name;
    byId(`view-${link.dataset.view}`).hidden = !current;
    if (current) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  opened[name] ??= new VIEWS[name](choices);
  await opened[name].open();
}

const isView = (name) => Object.hasOwn(VIEWS, name);

let choices = null;
try {
  choices = await request("choices");
  if (!isView(state.view)) updateState({ view: DEFAULT_VIEW });
  byId("views").addEventListener("click", (event) => {
    const name = event.target.dataset.view;
    if (!name || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    pushState({ view: name });
    openView(name);
  });
  onHistoryNavigation(() => openView(isView(state.view) ? state.view : DEFAULT_VIEW));
  await openView(state.view);
} catch (error) {
  showError(error.message);
}
