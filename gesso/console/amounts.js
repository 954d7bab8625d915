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

/** As `duration`; nothing is "0 s". */
export const seconds = (value) => (value ? duration(value) : "0 s");

export const jobs = (number) => `${count(number)} ${number === 1 ? "job" : "jobs"}`;
