// Requests to the server.
export class RequestError extends Error {}

// A running request gets this long to finish after a newer one was wanted; then it is aborted.
const ABORT_AFTER_MS = 300;

export async function request(path, params = [], signal = null) {
  let response;
  let answer;
  try {
    response = await fetch(`/api/${path}?${new URLSearchParams(params)}`, { signal });
    answer = await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new RequestError("the server does not respond; restart surefoot play.");
  }
  if (!response.ok) throw new RequestError(answer.error);
  return answer;
}

// Returns a function that runs `run` one call at a time. Calls during a run cause one more run at its end, with the state
// of then. A run that takes long is aborted for it, and the server stops computing. onError receives every other error.
export function runLatest(run, onError) {
  let running = null;
  let again = false;
  return async () => {
    again = true;
    if (running) {
      const { controller, since } = running;
      setTimeout(() => controller.abort(), Math.max(0, since + ABORT_AFTER_MS - performance.now()));
      return;
    }
    try {
      while (again) {
        again = false;
        const controller = new AbortController();
        running = { controller, since: performance.now() };
        await run(controller.signal).catch((error) => error.name === "AbortError" || onError(error));
      }
    } finally {
      running = null;
    }
  };
}
