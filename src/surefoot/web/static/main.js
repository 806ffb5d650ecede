// Opens the page: what there is to choose from, then the view that the address names.
import { ask } from "./api.js";
import { ChecksView } from "./checks-view.js";
import { byId, complain } from "./dom.js";
import { HillView } from "./hill-view.js";
import { ShopView } from "./shop-view.js";
import { change, enter, returned, state } from "./state.js";
import { StudiesView } from "./studies-view.js";

const KINDS = { hill: HillView, shop: ShopView, studies: StudiesView, check: ChecksView };
const views = {};

async function open(name) {
  for (const link of byId("views").children) {
    const here = link.dataset.view === name;
    byId(`view-${link.dataset.view}`).hidden = !here;
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  views[name] ??= new KINDS[name](gallery);
  await views[name].open();
}

let gallery = null;
try {
  gallery = await ask("gallery");
  if (!Object.hasOwn(KINDS, state.view)) change({ view: "hill" });
  byId("views").addEventListener("click", (event) => {
    const name = event.target.dataset.view;
    if (!name || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    enter({ view: name });
    open(name);
  });
  returned(() => open(Object.hasOwn(KINDS, state.view) ? state.view : "hill"));
  await open(state.view);
} catch (error) {
  complain(error.message);
}
