// The conversation with the server: a bearer token, never a cookie; what may help when repeated is repeated.

export class Refused extends Error {
  constructor(problem, status) {
    super(problem.detail || "refused");
    this.code = problem.code || "unknown";
    this.status = status;
    this.retryable = problem.retryable || status >= 500;
    this.after = 1000 * (problem.after || 0);
  }
}

const WAITS = [300, 700, 1500, 3000, 5000]; // ms between attempts; the last one stays
const TOO_LONG = 15000; // ms without an answer

export class Api {
  constructor(token, onLine) {
    this.token = token;
    this.onLine = onLine; // told true or false
  }

  get(path) { return this.send("GET", path); }
  post(path, body, options) { return this.send("POST", path, JSON.stringify(body), "application/json", options); }
  put(path, bytes, type, options) { return this.send("PUT", path, bytes, type, options); }

  // patience: ms for which lost connections are tried again
  async send(method, path, body, type, { patience = 60000 } = {}) {
    const gives = performance.now() + patience;
    for (let turn = 0; ; turn += 1) {
      try {
        const result = await this.once(method, path, body, type);
        this.onLine(true);
        return result;
      } catch (error) {
        const lost = !(error instanceof Refused);
        this.onLine(!lost);
        if ((!lost && !error.retryable) || performance.now() > gives) throw error;
        await pause(Math.max(error.after || 0, WAITS[Math.min(turn, WAITS.length - 1)]));
      }
    }
  }

  async once(method, path, body, type) {
    const headers = { Authorization: `Bearer ${this.token}`, Accept: "application/json" };
    if (type) headers["Content-Type"] = type;
    const answer = await fetch(`/v1/capture/${path}`, {
      method, headers, body, cache: "no-store", credentials: "omit", signal: AbortSignal.timeout(TOO_LONG),
    });
    if (answer.ok) return answer.status === 204 ? null : answer.json();
    const problem = await answer.json().catch(() => ({}));
    problem.after = Number(answer.headers.get("Retry-After")) || 0;
    throw new Refused(problem, answer.status);
  }
}

export const pause = (ms) => new Promise((done) => setTimeout(done, ms));
