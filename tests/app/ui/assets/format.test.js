// Numbers, sizes and texts as the page writes them.
import assert from "node:assert/strict";
import {test} from "node:test";

import {bytes, counted, digits, dotted, fitting, manyOf, memory, momentIn, seconds, short} from "../../../../app/ui/assets/core/format.js";

test("times are written with as much as one wants to know", () => {
  assert.deepEqual([null, 0, 0.256, 1, 99.94, 100, 3600].map(seconds), ["", "0.00 s", "0.26 s", "1.0 s", "99.9 s", "2 min", "60 min"]);
});

test("sizes keep three digits over all units", () => {
  assert.deepEqual([0, 999, 1000, 99_949, 99_950, 1e6, 9.994e9, 9.996e9, 3e12, 5e15].map(bytes),
    ["0 bytes", "999 bytes", "1.0 kB", "99.9 kB", "100 kB", "1.0 MB", "9.99 GB", "10.0 GB", "3.00 TB", "5000 TB"]);
  assert.deepEqual([5, 999, 1000, 123_456, 2.5e9, 7e12].map(short), ["5", "999", "1.0 k", "123 k", "2.5 B", "7000 B"]);
  assert.deepEqual([5e8, 1e9, 2.54e9].map(memory), ["500 MB", "1.0 GB", "2.5 GB"]);
});

test("one thing is named in the singular", () => {
  assert.deepEqual([0, 1, 2].map((n) => counted(n, "call")), ["0 calls", "1 call", "2 calls"]);
  assert.equal(manyOf(12_345, "picture"), "12,345 pictures");
});

test("digits leave no zeros, and dots stand between what there is", () => {
  assert.deepEqual([digits(0.5, 3), digits(12_345, 2), digits(0.012345, 3)], ["0.5", "12000", "0.0123"]);
  assert.equal(dotted(["a", "", null, "b", undefined, false]), "a · b");
});

test("a moment among facts is known from any other text", () => {
  assert.equal(momentIn("2026-11-30 09:05:00 UTC"), "2026-11-30T09:05:00Z");
  for (const text of ["2026-11-30 09:05:00", "on 2026-11-30 09:05:00 UTC", "50"]) assert.equal(momentIn(text), null);
});

test("pictures are as large as fit, by whole factors", () => {
  const cases = [[1, 32, 640, 520], [4, 32, 640, 520], [9, 64, 640, 520], [16, 128, 500, 500], [3, 512, 300, 300]];
  for (const [count, side, width, height] of cases) {
    const [k, columns] = fitting(count, side, width, height), rows = Math.ceil(count / columns);
    const fits = (factor) => columns * factor * side + 8 * (columns - 1) <= width && rows * factor * side + 8 * (rows - 1) <= height;
    assert.ok(Number.isInteger(k) && k >= 1 && (k === 1 || fits(k)), `${count} of ${side}`);
    for (let other = 1; other <= count; other++) {            // no other number of columns allows a larger factor
      const high = Math.ceil(count / other), wide = (k + 1) * side;
      assert.ok(other * wide + 8 * (other - 1) > width || high * wide + 8 * (high - 1) > height);
    }
  }
});
