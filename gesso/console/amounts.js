// Numbers with their units: counts, bytes, seconds; and the same read back.
import { duration } from "./times.js";

const UNITS = ["B", "KB", "MB", "GB", "TB"];
const COUNTS = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });

/** "1 000 000": groups held together by narrow spaces. */
export const count = (number) => COUNTS.format(number).replaceAll(",", "\u202f");

/** "812 B", "2.1 GB" */
export function bytes(size) {
  let [amount, unit] = [size, 0];
  while (Math.round(amount * 10) / 10 >= 1000 && unit < UNITS.length - 1) {
    amount /= 1000;
    unit += 1;
  }
  return `${Number(amount.toFixed(1))} ${UNITS[unit]}`;
}

const GIB = 2 ** 30;

/** Memory, as cards are sold: "5.2 GiB", "under 0.1 GiB" */
export const gib = (size) => (size && size < GIB / 20 ? "under 0.1 GiB" : `${Number((size / GIB).toFixed(1))} GiB`);

/** As `duration`; nothing is "0 s". */
export const seconds = (value) => (value ? duration(value) : "0 s");

export const jobs = (number) => `${count(number)} ${number === 1 ? "job" : "jobs"}`;

const UNITS_S = { s: 1, sec: 1, m: 60, min: 60, h: 3600, d: 86_400 };

/** Seconds of "8 h", "1 h 12 min", "90s"; null of what is not written so. */
export function secondsOf(text) {
  const parts = [...text.trim().matchAll(/(\d+(?:\.\d+)?)\s*([a-z]+)\s*/gi)];
  const known = parts.length && parts.map((each) => each[0]).join("") === text.trim() && parts.every((each) => each[2].toLowerCase() in UNITS_S);
  return known ? parts.reduce((sum, each) => sum + Number(each[1]) * UNITS_S[each[2].toLowerCase()], 0) : null;
}
