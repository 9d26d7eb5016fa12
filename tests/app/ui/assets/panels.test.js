// Runs, the plane of the laboratory, codes, downloads and names of repositories.
import assert from "node:assert/strict";
import {test} from "node:test";

import {isRunning, part} from "../../../../app/ui/assets/core/jobs.js";
import {waiting} from "../../../../app/ui/assets/core/link.js";
import {downloadWords} from "../../../../app/ui/assets/models/downloads.js";
import {repositoryIn} from "../../../../app/ui/assets/models/search.js";
import {liveFrame} from "../../../../app/ui/assets/panels/canvas.js";
import {maskOf} from "../../../../app/ui/assets/panels/codes.js";
import {figureWords, lossWords} from "../../../../app/ui/assets/panels/lab.js";
import {contour, gathered, pixel, SIDE, SPAN} from "../../../../app/ui/assets/panels/plane.js";
import {plain} from "../../../../app/ui/assets/panels/process.js";
import {runWords} from "../../../../app/ui/assets/panels/run.js";

test("a run says how far it is, and then what it took", () => {
  const view = {status: "running", title: "a red star · DDIM · 50 steps", step: 3, total: 50, calls: 6, ms_per_call: 8.04, seconds: 0.5,
    seconds_left: 4, note: "", error: null};
  assert.deepEqual(runWords(view), ["step 3/50", "6 NFE", "8.0 ms/call", "4.0 s left"]);
  const loading = {...view, status: "loading", calls: 0, ms_per_call: null, seconds_left: null, note: "Loading …"};
  assert.deepEqual(runWords(loading), ["Loading …"]);
  assert.deepEqual(runWords({...view, status: "done", calls: 50}), ["DDIM · 50 steps", "50 NFE", "0.50 s", "8.0 ms/call"]);
  assert.deepEqual(runWords({...view, status: "failed", error: "No room."}), ["No room."]);
  assert.deepEqual([part(view), part({...view, status: "done"}), part({...view, total: 0})], [0.06, 1, 0]);
  assert.deepEqual(["waiting", "loading", "running", "done", "failed", "stopped"].filter(isRunning), ["waiting", "loading", "running"]);
});

test("a step that goes on is told as a recorded one", () => {
  const frame = liveFrame({x_t: ["a"], x0: ["b"], t: 0.5, sigma: Infinity, step: 1, total: 2, calls: 1});
  assert.deepEqual(frame.numbers, {t: "0.500", "σ": "∞"});
  assert.ok(frame.live);
});

test("a lost program is asked again later and later, but never after long", () => {
  assert.equal(waiting(90, false, 7), 90);
  const pauses = [1, 2, 3, 20].map((failures) => waiting(90, true, failures));
  assert.deepEqual(pauses, [250, 500, 750, 1500]);
  assert.equal(waiting(600, true, 1), 600);
});

test("the plane has its origin in the middle and y upwards", () => {
  assert.deepEqual([[0, 0], [-SPAN, SPAN], [SPAN, -SPAN]].map(pixel), [[SIDE / 2, SIDE / 2], [0, 0], [SIDE, SIDE]]);
  assert.deepEqual(gathered([1, 2, 0, 0, 1, 2]), [{p: [1, 2], count: 2}, {p: [0, 0], count: 1}]);
});

test("a contour of a cone is a circle", () => {
  const n = 41, middle = 20, radius = 12.3;
  const cone = Array.from({length: n * n}, (_, i) => -Math.hypot(i % n - middle, Math.floor(i / n) - middle));
  const ends = contour(cone, n, -radius).flat();
  assert.ok(ends.length > 60);
  // Between two neighbours the cone is bent by less than 1 / (8 r), and so far is the line from the circle at most.
  for (const [x, y] of ends) assert.ok(Math.abs(Math.hypot(x - middle, y - middle) - radius) < 1 / (8 * (radius - 1)));
});

test("codes that stay, as digits", () => {
  assert.equal(maskOf(new Set(), 64), "0".repeat(16));
  assert.equal(maskOf(new Set([0, 3, 4, 63]), 64), "98" + "0".repeat(13) + "1");
});

test("symbols without TeX, losses and figures", () => {
  assert.deepEqual(["\\bar\\alpha_t", "\\sqrt{1-\\alpha_t}", "\\|\\epsilon_\\theta\\|", "x_t"].map(plain),
    ["ᾱₜ", "√(1-αₜ)", "‖\\epsilonθ‖", "xₜ"]);
  assert.equal(lossWords({"": 0.5, generator: 1}), " · loss 0.500 · generator loss 1.000");
  assert.equal(figureWords({codes: 12, bits: 1.234, name: "x"}), " · codes 12 · bits 1.23 · name x");
});

test("a download in words", () => {
  const view = {status: "running", bytes: 2e9, done: 5e8, speed: 1e7, seconds_left: 150, files: []};
  assert.equal(downloadWords(view), "500 MB of 2.00 GB · 10.0 MB/s · 3 min left");
  assert.equal(downloadWords({...view, status: "checking"}), "500 MB of 2.00 GB · comparing checksums");
  assert.equal(downloadWords({...view, bytes: 0}), "asking the Hub");
  assert.equal(downloadWords({...view, status: "done"}), "2.00 GB, checked; it is in the list now");
});

test("a repository that is written in full is known", () => {
  assert.deepEqual(repositoryIn(" https://hub.example/owner/name/tree/main/x "), {id: "owner/name", revision: "", title: "owner/name"});
  assert.deepEqual(repositoryIn("owner/name@refs/pr/1"), {id: "owner/name", revision: "refs/pr/1", title: "owner/name@refs/pr/1"});
  assert.equal(repositoryIn("small red star"), null);
});
