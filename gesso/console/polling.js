// Looking again and again: quick while something happens, slow else, not at all while nobody looks.

const SOON_MS = 100;
const SLOWEST_MS = 30_000;

export class Polling {
  /** `look(signal)` is awaited, then `everyMs()` waited (null: that was all); `onProblem(error | null)` hears how it went. */
  constructor(look, { everyMs, onProblem }) {
    this.look = look;
    this.everyMs = everyMs;
    this.onProblem = onProblem;
    this.failures = 0;
    this.told = null;
    this.ended = new AbortController();
    this.onVisible = () => { if (!document.hidden) this.now(); };
    document.addEventListener("visibilitychange", this.onVisible, { signal: this.ended.signal });
    this.now();
  }

  /** Look at once: something was done, or somebody came back. */
  async now() {
    clearTimeout(this.timer);
    // What was asked before may be answered after: that answer is not waited for.
    this.asking?.abort();
    const asking = this.asking = new AbortController();
    this.busy = true;
    try {
      await this.look(asking.signal);
      if (asking.signal.aborted) return;
      this.failures = 0;
      this.tell(null);
    } catch (error) {
      if (asking.signal.aborted || error.name === "AbortError") return;
      this.failures += 1;
      this.tell(error);
    } finally {
      if (asking === this.asking) this.busy = false;
    }
    if (this.again) {
      this.again = false;
      this.soon();
      return;
    }
    if (this.ended.signal.aborted || document.hidden) return;
    const every = this.everyMs();
    if (every === null) return;
    this.timer = setTimeout(() => this.now(), Math.min(every * 2 ** this.failures, SLOWEST_MS));
  }

  /** Once: an alert that is put there anew is read out anew. */
  tell(error) {
    const told = error && `${error.message} ${error.remedy}`;
    if (told === this.told) return;
    this.told = told;
    this.onProblem(error);
  }

  /** Look in a moment, once, however often this is called until then. */
  soon() {
    if (this.busy) this.again = true;
    else if (!document.hidden && !this.ended.signal.aborted) {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.now(), SOON_MS);
    }
  }

  stop() {
    this.ended.abort();
    this.asking?.abort();
    clearTimeout(this.timer);
  }
}
