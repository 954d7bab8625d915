// Hearing at once what happens to one's jobs: gesso's stream of events, open while somebody looks.

const AGAIN_MS = 2000;
const SLOWEST_MS = 60_000;

/** It is an extra: whoever uses it also looks by himself, more often while this is silent. */
export class Events {
  /** `on`: what to do with each kind of event, by its name; `on.open()`: something may have been missed before. */
  constructor(path, on) {
    this.address = `/gesso/api/${path}`;
    this.on = on;
    this.failures = 0;
    this.ended = new AbortController();
    // A browser holds few connections to one server: tabs that nobody sees leave them to others.
    document.addEventListener("visibilitychange", () => this.open(), { signal: this.ended.signal });
    this.open();
  }

  get heard() {
    return this.source?.readyState === EventSource.OPEN;
  }

  open() {
    this.close();
    if (document.hidden || this.ended.signal.aborted) return;
    const source = this.source = new EventSource(this.address);
    source.onopen = () => {
      this.failures = 0;
      this.on.open?.();
    };
    for (const [kind, act] of Object.entries(this.on)) {
      if (kind !== "open") source.addEventListener(kind, ({ data }) => act(JSON.parse(data)));
    }
    source.onerror = () => {
      this.close();
      this.timer = setTimeout(() => this.open(), Math.min(AGAIN_MS * 2 ** this.failures, SLOWEST_MS));
      this.failures += 1;
    };
  }

  close() {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }

  stop() {
    this.ended.abort();
    this.close();
  }
}
