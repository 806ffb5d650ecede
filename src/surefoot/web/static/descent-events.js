// The events up to the current step, the latest first, as a live region for screen readers.
import { byId, createElement } from "./dom.js";

const DESCRIPTIONS = {
  overshoot: "overshoots: a step passes the lowest point and ends uphill",
  oscillation: "oscillates: it reverses direction for the third time",
  escape: "escapes from the region it started in",
  arrival: "arrives at a minimum: its loss stays below a thousandth of the initial loss",
  divergence: "diverges",
};
let shown = "";

export function showEventLog(balls, now) {
  const events = balls.flatMap((ball, number) => ball.events.map((event) => ({ ...event, number })));
  const past = events.filter((event) => event.step <= now).sort((a, b) => b.step - a.step);
  const key = past.map((event) => `${event.number}${event.kind}${event.step}`).join();
  if (key === shown) return;
  shown = key;
  byId("log").replaceChildren(...past.map(({ number, kind, step }) => createElement("li", {}, `Step ${step}: ball ${number + 1} ${DESCRIPTIONS[kind]}.`)));
}
