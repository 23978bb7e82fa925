// The server's REST interface. Whatever goes wrong is a Refusal, which can be shown as it is.

const TRIES = 8; // while the server says that it is busy
const POLL_MS = [80, 700]; // the first and the longest pause between two looks at a job

let token = "";
let asking = null;
let askForToken = null;

const PLAINER = {
  413: "Too large for this server",
  415: "Not a photograph",
  422: "This cannot be colored",
  429: "The server is busy",
};

export class Refusal extends Error {
  constructor({ title, detail = "", hint = "", status = 0 }) {
    super(title);
    Object.assign(this, { title: PLAINER[status] ?? title, detail, hint, status });
  }

  /** What goes wrong outside the server, told as a refusal is. */
  static of(problem, title) {
    if (problem instanceof Refusal) return problem;
    console.error(problem);
    return new Refusal({ title, detail: problem.message });
  }

  /** Whether the same may be taken another time. */
  get mayPass() {
    return this.status < 400 || this.status >= 500 || [401, 408, 429].includes(this.status);
  }
}

/** `ask(wrong)` resolves to the token that a person gives; it is kept in memory and nowhere else. */
export function onToken(ask) {
  askForToken = ask;
}

/** The JSON that a path answers with. */
export async function get(path, signal) {
  return JSON.parse(await (await call("GET", path, { signal })).response.text());
}

/** A colored picture; `sent(share)` hears of the upload. */
export async function colorize(fields, { signal, sent } = {}) {
  return picture(await call("POST", "/v1/colorize", { body: form(fields), signal, sent }));
}

/** A colored picture by way of a job; `progress(share, state)`: uploading, queued, running. */
export async function colorizeAsJob(fields, { signal, progress }) {
  const sent = (share) => progress(share, "uploading");
  const made = await call("POST", "/v1/jobs", { body: form(fields), signal, sent });
  let job = JSON.parse(await made.response.text());
  try {
    for (let pause = POLL_MS[0]; job.status === "queued" || job.status === "running"; ) {
      progress(job.progress, job.status);
      await rest(pause, signal);
      pause = Math.min(pause * 1.3, POLL_MS[1]);
      job = await get(job.links.self, signal);
    }
    return picture(await call("GET", job.links.result, { signal }));
  } finally {
    call("DELETE", job.links.self, {}).catch(() => {}); // the server would drop it later
  }
}

function form(fields) {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (name === "file") body.append("file", value.blob, value.name);
    else if (value !== undefined) body.append(name, String(value));
  }
  return body;
}

function picture(answer) {
  const header = (name) => answer.getResponseHeader(name) ?? "";
  const size = /^(\d+)x(\d+)$/.exec(header("X-Tintype-Size"));
  const name = /filename\*=UTF-8''([^;]+)/i.exec(header("Content-Disposition"));
  return {
    blob: answer.response,
    name: name ? decodeURIComponent(name[1]) : "",
    size: size ? { width: Number(size[1]), height: Number(size[2]) } : null,
    note: decodeURIComponent(header("X-Tintype-Note")),
  };
}

async function call(method, path, { body, signal, sent }) {
  for (let attempt = 1; ; attempt++) {
    const used = token;
    const answer = await send(method, path, { body, signal, sent });
    if (answer.status < 400) return answer;
    if (answer.status === 429 && attempt < TRIES) {
      await rest(1000 * (Number(answer.getResponseHeader("Retry-After")) || 1), signal);
    } else if (answer.status === 401 && askForToken) {
      if (token === used) {
        asking ??= askForToken(used !== "").finally(() => (asking = null));
        token = await asking;
      }
    } else {
      throw await refusal(answer);
    }
  }
}

function send(method, path, { body, signal, sent }) {
  return new Promise((resolve, reject) => {
    const gone = () => reject(new DOMException("given up", "AbortError"));
    if (signal?.aborted) return gone();
    const request = new XMLHttpRequest(); // fetch tells nothing of an upload's progress
    request.open(method, path);
    request.responseType = "blob";
    if (token) request.setRequestHeader("Authorization", `Bearer ${token}`);
    if (sent) request.upload.onprogress = (e) => e.lengthComputable && sent(e.loaded / e.total);
    request.onload = () => resolve(request);
    request.onabort = gone;
    request.onerror = () =>
      reject(
        new Refusal({
          title: "The server does not answer",
          detail: "It may have been stopped, or the connection was lost.",
          hint: "Start `tintype serve` again, then try once more. Your photographs are still here.",
        }),
      );
    const abort = () => request.abort();
    request.onloadend = () => signal?.removeEventListener("abort", abort);
    signal?.addEventListener("abort", abort, { once: true });
    request.send(body);
  });
}

async function refusal(answer) {
  try {
    return new Refusal(JSON.parse(await answer.response.text()));
  } catch {
    return new Refusal({
      title: "The server refused",
      detail: `It answered ${answer.status} ${answer.statusText} and gave no reason.`,
      status: answer.status,
    });
  }
}

function rest(ms, signal) {
  return new Promise((resolve, reject) => {
    const gone = () => {
      clearTimeout(timer);
      reject(new DOMException("given up", "AbortError"));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", gone);
      resolve();
    }, ms);
    signal?.addEventListener("abort", gone, { once: true });
  });
}
