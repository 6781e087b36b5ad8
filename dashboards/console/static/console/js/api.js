// Calls of the interface with the page's own session.

const ASK_FOR_MS = 120000, ASK_AGAIN_MS = 1000;

export class ApiError extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

export async function call(method, url, body) {
  const answer = await fetch(url, {
    method,
    headers: {
      Accept: "application/json",
      "Content-Type": "application/json",
      "X-CSRFToken": document.body.dataset.csrf,
    },
    body: body === undefined ? undefined : JSON.stringify(body),
    signal: AbortSignal.timeout(8000),
  });
  const document_ = parsed(await answer.text());
  if (!answer.ok) throw new ApiError(answer.status, document_?.detail || ofFields(document_) || answer.statusText);
  return document_;
}

// What is wrong with each field, where that is all that is said.
function ofFields(document_) {
  return Object.values(document_ ?? {}).flat().filter((words) => typeof words === "string").join(" ");
}

// A proxy before a console that is away answers with a page of its own.
function parsed(text) {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}

// Ask until there is an answer: a console that starts anew is away for some seconds, and a busy one
// is late. What is refused is not asked again. Only for what may be sent twice.
export async function insist(ask) {
  const giveUpMs = performance.now() + ASK_FOR_MS;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      const isRefused = error instanceof ApiError && error.status < 500;
      if (isRefused || performance.now() > giveUpMs) throw error;
      await new Promise((done) => setTimeout(done, ASK_AGAIN_MS));
    }
  }
}

// Ask something of an alarm, or of a device; what is sent again under the same id is done once.
export function act(action, deviceId, more = {}) {
  const request = { action, device_id: deviceId, action_id: newId(), ...more };
  return insist(() => call("POST", document.body.dataset.actions, request));
}

export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
