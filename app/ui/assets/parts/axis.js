// Axes of charts, in units: decades where an axis is logarithmic. Nothing here knows the page.
import {digits} from "../core/format.js";

/** The unit of a value. @param {boolean} log @returns {(value: number) => number} */
export const unitOf = (log) => (value) => log ? Math.log10(value) : value;

/**
 * An axis from one place to another, in pixels. What has no logarithm stands at its beginning.
 * @param {number[]} ends its lowest and highest unit
 * @param {boolean} log
 * @param {number} from
 * @param {number} to
 */
export function axis([low, high], log, from, to) {
  const at = (u) => Number.isFinite(u) ? from + (u - low) / (high - low) * (to - from) : from, unit = unitOf(log);
  return {low, high, log, at, of: (v) => at(unit(v)), back: (px) => low + (px - from) / (to - from) * (high - low)};
}

/** @typedef {ReturnType<typeof axis>} Axis */
/** Units and what is written there. @typedef {Array<[number, string]>} Ticks */

/**
 * Ticks at some values of an axis, as far as they are on it.
 * @param {Axis} axis @param {number[]} values @param {(value: number) => string} label @returns {Ticks}
 */
export const ticksAt = ({low, high, log}, values, label) =>
  values.map((value) => /** @type {[number, string]} */ ([unitOf(log)(value), label(value)]))
    .filter(([unit]) => unit >= low && unit <= high);

/**
 * Values of the decades from one to another unit: each times `factors`.
 * @param {Axis} axis
 * @param {number[]} factors
 * @param {number} step decades between two of them
 */
export function decades({low, high}, factors, step = 1) {
  const values = [];
  for (let k = Math.floor(low); k <= high; k++) if (k % step === 0) values.push(...factors.map((factor) => factor * 10 ** k));
  return values;
}

/** Round values from one to another, about `count` of them. @param {number} low @param {number} high @param {number} count */
export function rounds(low, high, count) {
  const power = 10 ** Math.floor(Math.log10((high - low) / count)), values = [];
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= (high - low) / count);
  for (let k = Math.ceil(low / step); k * step <= high; k++) values.push(k * step);
  return values;
}

/** About `count` ticks of an axis. @param {Axis} axis @param {number} count */
export function ticks(axis, count, percent = false) {
  const {low, high, log} = axis, wide = high - low;
  const values = log && wide > 0.8 ? decades(axis, wide < 2.6 ? [1, 2, 5] : wide < 4.5 ? [1, 3] : [1], Math.ceil(wide / count))
    : log ? rounds(10 ** low, 10 ** high, count) : rounds(low, high, count);
  return ticksAt(axis, values, (value) => percent ? `${digits(100 * value, 4)} %` : digits(value, 4));
}

/**
 * The lowest and highest unit of some values, with a margin.
 * @param {number[]} values @param {boolean} log @returns {[number, number]}
 */
export function ends(values, log) {
  const units = values.map(unitOf(log)).filter(Number.isFinite), low = Math.min(...units), high = Math.max(...units);
  return !units.length ? [0, 1] : high > low ? [low - 0.05 * (high - low), high + 0.05 * (high - low)] : [low - 0.5, high + 0.5];
}

/**
 * Where a label of a point goes: where no other label and no large point is, right, left, above or beneath it.
 * @param {[number, number]} point
 * @param {number} width of the label
 * @param {{left: number, right: number, bottom: number}} area
 * @param {number[][]} taken boxes: left, top, right, bottom
 */
export function labelBox([x, y], width, {left, right, bottom}, taken) {
  const before = x - 12 - width, after = x + 12, amid = x - width / 2;
  const boxes = [[after, y - 8], [before, y - 8], [amid, y - 28], [amid, y + 11], [after, y + 11], [before, y + 11],
    [after, y - 28], [before, y - 28], [amid, y + 30], [amid, y + 48]].map(([a, b]) => [a, b, a + width, b + 17]);
  const inside = (b) => b[0] > left && b[2] < right && b[1] > 0 && b[3] < bottom;
  const free = (b) => inside(b) && taken.every((t) => b[2] < t[0] || b[0] > t[2] || b[3] < t[1] || b[1] > t[3]);
  return boxes.find(free) || boxes.find(inside) || boxes[0];
}
