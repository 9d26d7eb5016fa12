// Axes of charts: places, ticks, labels that lie on nothing.
import assert from "node:assert/strict";
import {test} from "node:test";

import {limits, path} from "../../../../app/ui/assets/grid/lines.js";
import {floorOf} from "../../../../app/ui/assets/panels/points.js";
import {axis, decades, ends, labelBox, rounds, ticks} from "../../../../app/ui/assets/parts/axis.js";
import {csv} from "../../../../app/ui/assets/parts/save.js";

test("an axis leads from a value to a place and back", () => {
  for (const [low, high, log] of [[0, 10, false], [-2, 3, true]]) {
    const one = axis([low, high], log, 68, 600);
    assert.equal(one.at(low), 68);
    assert.equal(one.at(high), 600);
    for (const u of [low, 0.3 * low + 0.7 * high, high]) assert.ok(Math.abs(one.back(one.of(log ? 10 ** u : u)) - u) < 1e-9);
  }
  assert.equal(axis([0, 1], true, 5, 10).of(0), 5);           // no logarithm
});

test("ticks are round, on the axis, and about as many as asked for", () => {
  for (const [low, high] of [[0, 1], [3, 3.7], [-40, 950], [0.001, 0.0042]]) {
    for (const count of [4, 6, 8]) {
      const found = ticks(axis([low, high], false, 0, 100), count), steps = found.slice(1).map(([u], k) => u - found[k][0]);
      assert.ok(found.length >= count / 2.5 && found.length <= count + 1, `${low} to ${high}`);
      assert.ok(found.every(([u]) => u >= low && u <= high));
      for (const step of steps) assert.ok(Math.abs(step - steps[0]) < 1e-9 * (high - low));
    }
  }
  assert.deepEqual(ticks(axis([-1, 1], true, 0, 100), 8).map(([, label]) => label), ["0.1", "0.2", "0.5", "1", "2", "5", "10"]);
  assert.deepEqual(ticks(axis([0, 1], false, 0, 100), 5, true).map(([, label]) => label), ["0 %", "20 %", "40 %", "60 %", "80 %", "100 %"]);
  assert.deepEqual(rounds(0.2, 1.1, 4), [0.5, 1]);
  assert.deepEqual(decades({low: 0, high: 2}, [1]), [1, 10, 100]);
});

test("limits leave a margin around all that is seen", () => {
  assert.deepEqual(ends([], false), [0, 1]);
  assert.deepEqual(ends([5], false), [4.5, 5.5]);
  assert.deepEqual(ends([0, 100], true), [1.5, 2.5]);         // what has no logarithm is left out
  const line = {xs: [1, 10], ys: [0.5, 0.98], low: [0.4, null], high: [1, null]};
  const found = limits({x_log: true, y_log: false, quality: "accuracy"}, [line]);
  assert.ok(found.x[0] < 0 && found.x[1] > 1 && found.y[0] < 0.4 && found.y[1] === 1.03);
});

test("a label lies on nothing where there is room", () => {
  const area = {left: 0, right: 400, bottom: 300}, taken = [], points = [[100, 100], [110, 104], [104, 96], [380, 20]];
  for (const point of points) taken.push(labelBox(point, 60, area, taken));
  taken.forEach((a, i) => taken.slice(i + 1).forEach((b) => assert.ok(a[2] < b[0] || a[0] > b[2] || a[3] < b[1] || a[1] > b[3])));
  assert.ok(taken.every(([left, top, right, bottom]) => left > 0 && top > 0 && right < 400 && bottom < 300));
});

test("paths, floors and files of charts", () => {
  assert.equal(path([[1, 2], [3, 4.25]], "L", " "), "M1.0 2.0L3.0 4.3");
  assert.equal(path([], "H", "V"), "");
  assert.deepEqual([[0.99], [0.5, 0.9], [0.02]].map((all) => floorOf(all.map((accuracy) => ({accuracy})))), [90, 40, 0]);
  assert.equal(csv([["a", "says \"b\""], ["c", 0.5]]), "\"a\",\"says \"\"b\"\"\"\r\n\"c\",0.5\r\n");
});
