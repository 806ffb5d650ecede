// Questions to the server.
export class Refusal extends Error {}

// What is running when it is asked anew goes on for so long, in milliseconds: an answer that is near is shown.
const PATIENCE = 300;

export async function ask(path, params = [], signal = null) {
  let response;
  let answer;
  try {
    response = await fetch(`/api/${path}?${new URLSearchParams(params)}`, { signal });
    answer = await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal("the server does not answer any more; start surefoot play again.");
  }
  if (!response.ok) throw new Refusal(answer.error);
  return answer;
}

// Runs one question at a time; what is asked meanwhile is asked once more at the end, with what is wanted then. A
// question that takes long is given up for it, and the server stops to work on its answer. failed: told every error.
export function latest(run, failed) {
  let running = null;
  let again = false;
  return async () => {
    again = true;
    if (running) {
      const { control, since } = running;
      setTimeout(() => control.abort(), Math.max(0, since + PATIENCE - performance.now()));
      return;
    }
    try {
      while (again) {
        again = false;
        const control = new AbortController();
        running = { control, since: performance.now() };
        await run(control.signal).catch((error) => error.name === "AbortError" || failed(error));
      }
    } finally {
      running = null;
    }
  };
}
