// Cells of a grid: what is said of them, how they are laid out, and how what a poll tells is taken in.
import assert from "node:assert/strict";
import {test} from "node:test";

import {
  cellSize, distanceOf, factsOf, flagsOf, inRange, lineOf, merged, picturesOf, stacked, worstOf,
} from "../../../../app/ui/assets/grid/facts.js";
import {apart, scaleOf} from "../../../../app/ui/assets/grid/pixels.js";
import {changes} from "../../../../app/ui/assets/grid/verdict.js";

const DONE = {i: 3, status: "done", nfe: 1000, seconds: 2.5, ms_per_call: 2.46, distance: 0.0421, distance_to: "ODE of 1000 steps",
  accuracy: {share: 0.75, count: 8, low: 0.4, high: 0.93}, same_as: "Euler · 5", images: ["a", "b"]};

test("a cell says what was measured, the most important first", () => {
  assert.deepEqual(lineOf(DONE), ["1,000 NFE", "2.5 s", "2.5 ms/call"]);
  assert.deepEqual(lineOf({i: 0, status: "waiting"}), []);
  assert.equal(distanceOf(DONE, 3), "distance 0.042 to the ODE");
  assert.deepEqual(flagsOf(DONE), ["same pixels as Euler · 5"]);
  const facts = Object.fromEntries(factsOf(DONE));
  assert.equal(facts["Caption right"], "6 of 8 (40–93 %)");
  assert.ok(!("Error" in facts) && !("SSIM" in facts));
  assert.deepEqual(picturesOf(DONE), ["image/a.png", "image/b.png"]);
  assert.deepEqual(picturesOf({i: 0, status: "running", images: [], preview: ["data:x"]}), ["data:x"]);
});

test("a preview stays while a poll brings no other, and goes with the run", () => {
  const before = {i: 0, status: "running", preview: ["old"]};
  assert.deepEqual(merged(before, {i: 0, status: "running", nfe: 2}), {i: 0, status: "running", nfe: 2, preview: ["old"]});
  assert.deepEqual(merged(before, {i: 0, status: "running", preview: ["new"]}).preview, ["new"]);
  assert.equal(merged(before, {i: 0, status: "failed"}).preview, undefined);
});

test("distances are compared with those to the same equation's solution", () => {
  const cell = (distance, distance_to) => ({i: 0, status: "done", distance, distance_to});
  assert.deepEqual(worstOf([cell(0.1, "ODE x"), cell(0.3, "ODE y"), cell(2, "SDE x"), {i: 1, status: "waiting"}]), {ODE: 0.3, SDE: 2});
});

test("all pictures of a cell have room in it", () => {
  for (const side of [32, 64, 128]) for (const count of [1, 2, 5, 8]) for (const beside of [false, true]) {
    const size = cellSize({side, count, beside, distance: true}), down = Math.ceil(count / size.across);
    assert.ok(size.across * down >= count && size.block >= size.across * side);
    assert.ok(size.width >= (beside ? 2 : 1) * size.block && size.height >= size.pictures && size.pictures >= down * side);
    assert.equal(size.height - cellSize({side, count, beside, distance: false}).height, 20);
  }
  assert.deepEqual([0, 1, 2].map((k) => stacked(k, 3)), [0, 50, 100].map((y) => `object-fit: cover; object-position: 0 ${y}%`));
  assert.equal(stacked(0, 1), "");
});

test("what is in sight is counted, never beyond what there is", () => {
  assert.deepEqual(inRange(0, 300, 100, 50, 0), [0, 3]);
  assert.deepEqual(inRange(250, 300, 100, 50, 0), [2, 5]);
  assert.deepEqual(inRange(250, 300, 100, 50, 100), [1, 6]);
  assert.deepEqual(inRange(0, 1000, 100, 4, 96), [0, 3]);
});

test("the difference of pictures", () => {
  const one = [0, 10, 20, 255, 100, 100, 100, 255], two = [0, 14, 18, 255, 100, 100, 100, 255], out = new Uint8ClampedArray(8);
  assert.deepEqual(apart(one, two, 16, out), {most: 4, mean: 1});
  assert.deepEqual([...out], [0, 64, 32, 255, 0, 0, 0, 255]);
  assert.deepEqual([scaleOf(32, 32, 640), scaleOf(512, 512, 300), scaleOf(200, 960, 640)], [15, 300 / 512, 0.5]);
});

test("what changed on the machine between two runs", () => {
  assert.deepEqual(changes({torch: "2.1", device: "cpu"}, {torch: "2.2", device: "cpu", cuda: "12"}), ["torch 2.1 → 2.2", "cuda – → 12"]);
  assert.deepEqual(changes({a: 1}, {a: 1}), []);
});
