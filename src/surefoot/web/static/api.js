// Questions to the server.
export class Refusal extends Error {}

export async function ask(path, params = []) {
  let response;
  try {
    response = await fetch(`/api/${path}?${new URLSearchParams(params)}`);
  } catch {
    throw new Refusal("the server does not answer any more; start surefoot play again.");
  }
  const answer = await response.json();
  if (!response.ok) throw new Refusal(answer.error);
  return answer;
}

// Runs one question at a time; what is asked meanwhile is asked once more at the end, with what is wanted then.
export function latest(run) {
  let busy = false;
  let again = false;
  return async () => {
    again = true;
    if (busy) return;
    busy = true;
    try {
      while (again) {
        again = false;
        await run();
      }
    } finally {
      busy = false;
    }
  };
}
