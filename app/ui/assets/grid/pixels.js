// Pictures of cells as pixels.
import {el} from "../core/dom.js";

/** The pictures at some addresses on one canvas at their own size; null where there are none. @param {string[]} urls */
export async function board(urls) {
  const loaded = (url) => /** @type {Promise<HTMLImageElement | null>} */ (new Promise((done) => {
    const image = el("img", {src: url, onload: () => done(image), onerror: () => done(null)});
  }));
  const images = (await Promise.all(urls.map(loaded))).filter(Boolean);
  if (!images.length) return null;
  const across = Math.ceil(Math.sqrt(images.length)), width = images[0].naturalWidth, height = images[0].naturalHeight;
  const canvas = el("canvas", {width: across * width, height: Math.ceil(images.length / across) * height});
  images.forEach((image, k) => canvas.getContext("2d").drawImage(image, k % across * width, Math.floor(k / across) * height));
  return canvas;
}

/**
 * The scale of a picture: a whole factor for a small one, a large one shrinks to what is there.
 * @param {number} width
 * @param {number} height
 * @param {number} room
 */
export function scaleOf(width, height, room) {
  const most = Math.min(room / width, 480 / height);
  return most >= 1 ? Math.floor(most) : most;
}

/** Show a canvas as large as fits. @param {HTMLCanvasElement} canvas @param {number} room its width at most */
export function fit(canvas, room) {
  const scale = scaleOf(canvas.width, canvas.height, room);
  canvas.style.width = `${canvas.width * scale}px`;
  canvas.style.height = `${canvas.height * scale}px`;
  return canvas;
}

/**
 * How far two pictures are apart, in levels of 0..255, and a picture of that.
 * @param {ArrayLike<number>} one red, green, blue, alpha of each pixel
 * @param {ArrayLike<number>} two
 * @param {number} gain times the difference
 * @param {Uint8ClampedArray} out the picture is written there
 */
export function apart(one, two, gain, out) {
  let most = 0, sum = 0;
  for (let p = 0; p < one.length; p++) {
    if (p % 4 === 3) { out[p] = 255; continue; }
    const difference = Math.abs(one[p] - two[p]);
    most = Math.max(most, difference);
    sum += difference;
    out[p] = difference * gain;
  }
  return {most, mean: sum / (0.75 * one.length)};
}

/**
 * The same of two canvases, and a canvas.
 * @param {HTMLCanvasElement} a
 * @param {HTMLCanvasElement} b of the same size
 * @param {number} gain
 */
export function difference(a, b, gain) {
  const canvas = el("canvas", {width: a.width, height: a.height}), pen = canvas.getContext("2d"),
    out = pen.createImageData(a.width, a.height);
  const [one, two] = [a, b].map((board) => board.getContext("2d").getImageData(0, 0, board.width, board.height).data);
  const found = apart(one, two, gain, out.data);
  pen.putImageData(out, 0, 0);
  return {canvas, ...found};
}
