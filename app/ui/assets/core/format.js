// Numbers, sizes and moments as they are read. Nothing here knows the page.

/** Whether decimals are written with a comma where the person is. */
export const comma = (1.5).toLocaleString().includes(",");

/** A time. @param {number | null | undefined} s seconds */
export function seconds(s) {
  if (s == null) return "";
  return s < 1 ? `${s.toFixed(2)} s` : s < 100 ? `${s.toFixed(1)} s` : `${Math.round(s / 60)} min`;
}

/** An amount of data, with three digits. @param {number} n bytes */
export function bytes(n) {
  const units = ["bytes", "kB", "MB", "GB", "TB"], k = n < 1000 ? 0 : Math.min(4, Math.floor(Math.log10(n) / 3 + 1e-9));
  const value = n / 1000 ** k;
  return `${k && value < 99.95 ? value.toFixed(value < 9.995 && k > 2 ? 2 : 1) : Math.round(value)} ${units[k]}`;
}

/** A large number: 12.3 k, 4.5 M. @param {number} n */
export function short(n) {
  const k = n < 1000 ? 0 : Math.min(3, Math.floor(Math.log10(n) / 3 + 1e-9)), value = n / 1000 ** k;
  return `${k && value < 99.95 ? value.toFixed(1) : Math.round(value)}${["", " k", " M", " B"][k]}`;
}

/** Memory, in MB or GB. @param {number} n bytes */
export const memory = (n) => n < 1e9 ? `${Math.round(n / 1e6)} MB` : `${(n / 1e9).toFixed(1)} GB`;

/** "1 call", "2 calls". @param {number} n @param {string} what @param {string} [said] the number, as it is written */
export const counted = (n, what, said = String(n)) => `${said} ${what}${n === 1 ? "" : "s"}`;

/** The same with thousands set apart. @param {number} n @param {string} what */
export const manyOf = (n, what) => counted(n, what, n.toLocaleString("en"));

/** A number of function evaluations: how often the network runs for a picture. @param {number} n */
export const nfeOf = (n) => `${n.toLocaleString("en")} NFE`;

/** A number with so many digits and no zeros after them. @param {number} value @param {number} digits */
export const digits = (value, digits) => `${Number(value.toPrecision(digits))}`;

/** What there is of some texts, with dots between. @param {Array<string | null | undefined | false | 0>} parts */
export const dotted = (parts) => parts.filter(Boolean).join(" · ");

/** A moment "2026-11-30 09:05:00 UTC" as ISO 8601; null for any other text. @param {string} value */
export function momentIn(value) {
  const parts = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d) UTC$/.exec(value);
  return parts && `${parts[1]}T${parts[2]}Z`;
}

/**
 * The largest whole factor at which `count` pictures of side `side` fit, and in how many columns; at least 1.
 * @param {number} count @param {number} side @param {number} width @param {number} height
 * @returns {[number, number]}
 */
export function fitting(count, side, width, height, gap = 8) {
  /** @type {[number, number]} */
  let best = [1, 1];
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const k = Math.floor(Math.min((width - gap * (columns - 1)) / columns, (height - gap * (rows - 1)) / rows) / side);
    if (k > best[0]) best = [k, columns];
  }
  return best[0] === 1 && best[1] === 1 && count > 1 ? [1, Math.max(1, Math.floor(width / (side + gap)))] : best;
}
