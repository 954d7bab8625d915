// Hearing at once that one of my jobs came or went: ComfyUI's socket says so to its owner, and to nobody else.

const AGAIN_MS = 2000;
const SLOWEST_MS = 60_000;

/** Calls `changed` at each change, while somebody looks. It is an extra: whoever uses it also looks by himself. */
export class Changes {
  constructor(changed) {
    this.changed = changed;
    this.failures = 0;
    this.ended = new AbortController();
    document.addEventListener("visibilitychange", () => this.open(), { signal: this.ended.signal });
    this.open();
  }

  get heard() {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  open() {
    this.close();
    if (document.hidden || this.ended.signal.aborted) return;
    // A client id that no job has: so no other tab's messages come here.
    const socket = this.socket = new WebSocket(`/ws?clientId=console-${Math.random().toString(36).slice(2)}`);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => { this.failures = 0; };
    socket.onmessage = ({ data }) => { if (typeof data === "string" && JSON.parse(data).type === "status") this.changed(); };
    socket.onclose = () => {
      this.timer = setTimeout(() => this.open(), Math.min(AGAIN_MS * 2 ** this.failures, SLOWEST_MS));
      this.failures += 1;
    };
  }

  close() {
    clearTimeout(this.timer);
    if (!this.socket) return;
    this.socket.onclose = null;
    this.socket.close();
    this.socket = null;
  }

  stop() {
    this.ended.abort();
    this.close();
  }
}
