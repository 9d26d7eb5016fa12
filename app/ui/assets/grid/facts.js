// What is said of a cell, and how large its parts are. Nothing here knows the page.
import {memory, nfeOf, seconds} from "../core/format.js";

/**
 * A cell of a grid, as app/grids tells it.
 * @typedef {{i: number, status: string, nfe?: number, seconds?: number, ms_per_call?: number, peak_bytes?: number, distance?: number,
 *   distance_to?: string, ssim?: number, accuracy?: {share: number, count: number, low: number, high: number}, same_as?: string,
 *   note?: string, reason?: string, error?: string, images?: string[], preview?: string[],
 *   snapshot?: {url: string, step: number, of: number, distance?: number}}} Cell
 */

const percent = (share) => Math.round(100 * share);

/** @param {Cell["accuracy"]} a */
const accuracy = (a) => `${Math.round(a.share * a.count)} of ${a.count} (${percent(a.low)}–${percent(a.high)} %)`;

/** The most important first, since a narrow cell shows only what fits. @param {Cell} cell */
export const lineOf = (cell) => cell.nfe == null ? [] : [nfeOf(cell.nfe), ...(cell.seconds == null ? [] : [seconds(cell.seconds)]),
  ...(cell.ms_per_call == null ? [] : [`${cell.ms_per_call.toFixed(1)} ms/call`])];

/** Everything that was measured, as [name, value]. @param {Cell} cell */
export const factsOf = (cell) => [
  ["Status", cell.status], ["NFE", cell.nfe?.toLocaleString("en")], ["Time", cell.seconds == null ? null : seconds(cell.seconds)],
  ["Per call", cell.ms_per_call == null ? null : `${cell.ms_per_call.toFixed(1)} ms`],
  ["Memory held by the program, at most", cell.peak_bytes == null ? null : memory(cell.peak_bytes)],
  ["Distance", cell.distance == null ? null : `${cell.distance.toFixed(4)} to the ${cell.distance_to}`], ["SSIM", cell.ssim?.toFixed(3)],
  ["Caption right", cell.accuracy ? accuracy(cell.accuracy) : null],
  ["Same pixels as", cell.same_as], ["Note", cell.note], ["Reason", cell.reason], ["Error", cell.error],
].filter(([, value]) => value != null && value !== "");

/** Whose solution a cell's distance is to. @param {Cell} cell */
export const equationOf = (cell) => cell.distance_to?.split(" ")[0];

/** @param {Cell} cell @param {number} digits */
export const distanceOf = (cell, digits) =>
  cell.distance == null ? "" : `distance ${cell.distance.toFixed(digits)} to the ${equationOf(cell)}`;

/** @param {Cell} cell */
export const flagsOf = (cell) => [cell.same_as && `same pixels as ${cell.same_as}`, cell.note].filter(Boolean);

/** @param {Cell} cell */
export const picturesOf = (cell) => cell.images?.length ? cell.images.map((id) => `image/${id}.png`) : cell.preview || [];

/**
 * The largest distance to each equation's solution.
 * @param {Cell[]} cells @returns {Object<string, number>}
 */
export function worstOf(cells) {
  const worst = /** @type {Object<string, number>} */ ({});
  for (const cell of cells) if (cell.distance) worst[equationOf(cell)] = Math.max(worst[equationOf(cell)] || 0, cell.distance);
  return worst;
}

/**
 * What is known of a cell now that a poll told of it: a preview stays until there is another.
 * @param {Cell} before @param {Cell} told @returns {Cell}
 */
export const merged = (before, told) => {
  const kept = told.status === "running" && !told.preview ? before.preview : undefined;
  return kept ? {...told, preview: kept} : told;
};

/**
 * How large the parts of every cell are, in pixels.
 * @param {{side: number, count: number, distance: boolean, beside: boolean}} look
 */
export function cellSize({side, count, distance, beside}) {
  const across = Math.ceil(Math.sqrt(count)), down = Math.ceil(count / across), gap = 2;
  const block = across * side + (across - 1) * gap, least = beside ? 100 : side < 64 ? 80 : 120;
  const width = beside ? 2 * Math.max(block, least) + 8 : Math.max(block, least);
  const pictures = down * side + (down - 1) * gap;
  return {across, block: Math.max(block, beside ? least : 0), pictures, width: width + 14,
    height: pictures + 14 + (beside ? 40 : 0) + 22 + (distance ? 20 : 0) + 20};
}

/** Picture k of several that are stacked in one tall image shows through object-position. @param {number} k @param {number} count */
export const stacked = (k, count) => count > 1 ? `object-fit: cover; object-position: 0 ${100 * k / (count - 1)}%` : "";

/**
 * First and last of `count` things of one size that are in sight.
 * @param {number} from what is scrolled away, in pixels
 * @param {number} extent what is in sight
 * @param {number} each the size of one
 * @param {number} count
 * @param {number} margin around what is in sight
 * @returns {[number, number]}
 */
export const inRange = (from, extent, each, count, margin) =>
  [Math.max(0, Math.floor((from - margin) / each)), Math.min(count - 1, Math.floor((from + extent + margin) / each))];
