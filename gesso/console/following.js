// One job, looked at and heard of until it has ended.
import { get, now } from "./api.js";
import { isActive } from "./job_words.js";
import { progressOf } from "./outlook.js";
import { Polling } from "./polling.js";

const EVERY_MS = 1500;
const HEARING_MS = 4000;

/**
 * `said(progress)` puts into words how far it is; `changed(job)` hears of all news but estimates, `trouble(error | null)` how
 * the looking goes, and `preview({ image })`, if it is given, of the pictures on the way.
 */
export function following(id, said, { changed, trouble, preview }) {
  const progress = progressOf(id, said, {
    open: () => polling.soon(),
    job: (heard) => { polling.soon(); if (!isActive(heard)) progress.stop(); },
    position: (position) => { told = { position, at: now() }; },
    ...(preview ? { preview } : {}),
  });
  let job = null;
  let told = null;

  const polling = new Polling(async (signal) => {
    const asked = now();
    const found = await get(`jobs/${encodeURIComponent(id)}`, {}, signal);
    if (!told || told.at < asked) told = { position: found.position, at: asked };
    const news = differs(found, job);
    job = found;
    if (isActive(job)) progress.listen();
    else progress.stop();
    // How far it was on an engine that was taken from it says nothing now.
    if (job.state === "queued") progress.hide();
    if (news) changed(job);
  }, {
    everyMs: () => (job && !isActive(job) ? null : progress.heard ? HEARING_MS : EVERY_MS),
    onProblem: trouble,
  });

  return {
    progress: progress.element,
    /** The { position, at } of it as last told. */
    outlook: () => told,
    now: () => polling.now(),
    stop() { polling.stop(); progress.stop(); },
  };
}

/** Whether there is more news than the estimate, which moves all the time and is told by itself. */
function differs(job, before) {
  if (job === before || !before) return job !== before;
  return JSON.stringify({ ...job, position: null }) !== JSON.stringify({ ...before, position: null });
}
