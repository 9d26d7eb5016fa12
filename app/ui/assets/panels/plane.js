// The plane of the laboratory: what is drawn on its canvas, by coordinates of -SPAN to SPAN.
import {el} from "../core/dom.js";

export const SIDE = 336, SPAN = 1.5;

/** Where a point of the plane is on the canvas, in pixels. @param {ArrayLike<number>} p @returns {[number, number]} */
export const pixel = (p) => [(p[0] / SPAN + 1) / 2 * SIDE, SIDE - (p[1] / SPAN + 1) / 2 * SIDE];

/** Points with how many are at each place. @param {number[]} flat x, y, x, y, ... @returns {Array<{p: [number, number], count: number}>} */
export function gathered(flat) {
  const many = new Map();
  for (let i = 0; i < flat.length; i += 2) {
    const key = `${flat[i]},${flat[i + 1]}`, there = many.get(key);
    if (there) there.count++; else many.set(key, {p: [flat[i], flat[i + 1]], count: 1});
  }
  return [...many.values()];
}

/**
 * Lines of equal height by marching squares.
 * @param {number[]} heights n rows of n
 * @param {number} n
 * @param {number} level
 * @returns {Array<[[number, number], [number, number]]>} pieces of lines, in cells
 */
export function contour(heights, n, level) {
  const pieces = [];
  for (let r = 0; r + 1 < n; r++) for (let c = 0; c + 1 < n; c++) {
    const corners = [[r, c], [r, c + 1], [r + 1, c + 1], [r + 1, c]], cross = [];
    corners.forEach(([a, b], k) => {
      const [e, f] = corners[(k + 1) % 4], p = heights[a * n + b] - level, q = heights[e * n + f] - level;
      if (p > 0 !== q > 0) { const s = p / (p - q); cross.push([b + s * (f - b), a + s * (e - a)]); }
    });
    for (let k = 0; k + 1 < cross.length; k += 2) pieces.push(/** @type {any} */ ([cross[k], cross[k + 1]]));
  }
  return pieces;
}

export class Plane {
  constructor() {
    this.canvas = el("canvas", {width: 2 * SIDE, height: 2 * SIDE, class: "sx-plane", role: "img", "aria-label": "Points of the plane"});
    this.ink = this.canvas.getContext("2d");
    this.ink.scale(2, 2);
    this.shades = document.createElement("canvas");
  }

  clear() { this.ink.clearRect(0, 0, SIDE, SIDE); }

  /**
   * Draw lines at once.
   * @param {string} style
   * @param {number} width
   * @param {number} alpha
   * @param {(ink: CanvasRenderingContext2D) => void} path
   */
  stroke(style, width, alpha, path) {
    Object.assign(this.ink, {strokeStyle: style, lineWidth: width, globalAlpha: alpha});
    this.ink.beginPath();
    path(this.ink);
    this.ink.stroke();
    this.ink.globalAlpha = 1;
  }

  /**
   * Points; many at one place make one larger dot.
   * @param {number[]} flat
   * @param {number} size
   * @param {string} style
   * @param {number} alpha
   */
  dots(flat, size, style, alpha) {
    const {ink} = this;
    Object.assign(ink, {fillStyle: style, globalAlpha: alpha});
    for (const {p, count} of gathered(flat)) {
      const [x, y] = pixel(p), side = Math.min(16, size * Math.sqrt(count));
      if (count === 1) { ink.fillRect(x - side / 2, y - side / 2, side, side); continue; }
      ink.beginPath(); ink.arc(x, y, side / 2, 0, 6.3); ink.fill();
    }
    ink.globalAlpha = 1;
  }

  /**
   * What the network says of every place: a colour for each code, or a shade.
   * @param {{cells?: number[], shade?: number[], places?: number[]}} view
   * @param {number} n places in a row
   * @param {{accent: string, text: string}} colours
   * @param {boolean} smooth whether it has no edges
   */
  paint(view, n, colours, smooth) {
    const of = view.cells && view.cells.length / (n * n), pen = this.shades.getContext("2d");
    this.shades.width = this.shades.height = n;
    for (let i = 0; i < n * n; i++) {
      if (view.cells) {
        const codes = view.cells.slice(of * i, of * (i + 1));
        pen.globalAlpha = 0.45;
        pen.fillStyle = `hsl(${codes[0] * 222.5 % 360} 55% ${35 + codes[of - 1] * 61.8 % 40}%)`;
      } else {
        pen.globalAlpha = 0.7 * Math.abs(view.shade[i]);
        pen.fillStyle = view.shade[i] > 0 ? colours.accent : colours.text;
      }
      pen.fillRect(i % n, n - 1 - Math.floor(i / n), 1, 1);
    }
    this.ink.imageSmoothingEnabled = smooth;
    this.ink.drawImage(this.shades, 0, 0, SIDE, SIDE);
    this.stroke(colours.text, 1, 1, (ink) => {
      for (let i = 0; i < (view.places || []).length; i += 2) {
        const [x, y] = pixel(view.places.slice(i, i + 2));
        ink.moveTo(x + 4, y); ink.arc(x, y, 4, 0, 6.3);
      }
    });
  }

  /** Lines of equal likelihood. @param {{side: number, log_p: number[]}} level @param {string} style */
  contours({side, log_p}, style) {
    const best = Math.max(...log_p), at = ([x, y]) =>
      /** @type {[number, number]} */ ([x / (side - 1) * SIDE, SIDE - y / (side - 1) * SIDE]);
    for (const cut of [1, 2, 4, 7]) {
      this.stroke(style, 0.7, 1 - cut / 10, (ink) => {
        for (const [p, q] of contour(log_p, side, best - cut)) { ink.moveTo(...at(p)); ink.lineTo(...at(q)); }
      });
    }
  }

  /** Arrows from the points of a grid. @param {number[]} grid @param {number[]} field @param {string} style */
  arrows(grid, field, style) {
    const s = 20 / Math.max(1e-9, ...field.map((v, i) => i % 2 ? 0 : Math.hypot(v, field[i + 1])));
    this.stroke(style, 1, 0.8, (ink) => {
      for (let i = 0; i < field.length; i += 2) {
        const [x, y] = pixel([grid[i], grid[i + 1]]);
        ink.moveTo(x, y); ink.lineTo(x + s * field[i], y - s * field[i + 1]);
        ink.moveTo(x + 1.5, y); ink.arc(x, y, 1.2, 0, 6.3);
      }
    });
  }

  /**
   * The trajectories of the first particles up to a step.
   * @param {number[][]} frames
   * @param {number} count
   * @param {number} step
   * @param {string} style
   * @param {number} alpha
   */
  trajectories(frames, count, step, style, alpha) {
    this.stroke(style, 0.8, alpha, (ink) => {
      for (let p = 0; p < count; p++) for (let i = 0; i <= step; i++) {
        const [x, y] = pixel([frames[i][2 * p], frames[i][2 * p + 1]]);
        if (i) ink.lineTo(x, y); else ink.moveTo(x, y);
      }
    });
  }
}
