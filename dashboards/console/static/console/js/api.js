// Calls of the interface with the page's own session.

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
  const text = await answer.text();
  const document_ = text ? JSON.parse(text) : null;
  if (!answer.ok) throw new ApiError(answer.status, document_?.detail || answer.statusText);
  return document_;
}

// Ask something of an alarm, or of a device. What is sent again under the same id is done once.
export async function act(action, deviceId, more = {}) {
  const request = { action, device_id: deviceId, action_id: newId(), ...more };
  const url = document.body.dataset.actions;
  try {
    return await call("POST", url, request);
  } catch (error) {
    if (error instanceof ApiError && error.status < 500) throw error;
    return call("POST", url, request);
  }
}

function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
