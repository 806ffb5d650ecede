// What happened up to now, the latest first; a screen reader says what is new.
import { byId, make } from "./dom.js";

const WORDS = {
  overshoot: "overshoots: it went past the lowest point and uphill",
  oscillation: "oscillates: it turned back for the third time",
  escape: "escapes from where it began",
  arrival: "arrives: its loss stays below a thousandth of the start's",
  divergence: "diverges",
};
let shown = "";

export function tell(balls, now) {
  const all = balls.flatMap((ball, number) => ball.events.map((event) => ({ ...event, number })));
  const past = all.filter((event) => event.step <= now).sort((a, b) => b.step - a.step);
  const key = past.map((event) => `${event.number}${event.kind}${event.step}`).join();
  if (key === shown) return;
  shown = key;
  byId("log").replaceChildren(...past.map(({ number, kind, step }) => make("li", {}, `Step ${step}: ball ${number + 1} ${WORDS[kind]}.`)));
}
