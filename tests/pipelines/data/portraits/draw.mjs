// Reads a list of {style, options, side, bare} and writes each drawing's pixels: side * side * 4 bytes, red, green and blue times the cover.
import { readFileSync, writeSync } from 'node:fs'

import { createAvatar } from '@dicebear/core'
import * as pixels from '@dicebear/pixel-art'
import * as faces from '@dicebear/toon-head'
import { Resvg } from '@resvg/resvg-js'

const styles = { faces, pixels }

// resvg takes a mask for one of luminance; these say that they are of alpha, which white ones are either way.
const masksInWhite = (svg) => svg.replace(/<mask.*?<\/mask>/g, (mask) => mask.replace(/fill="#\w+"/g, 'fill="white"'))

// The body of Pixel Art, two paths, is in every drawing; what is bare goes without it.
const bared = (svg) => svg.replace(/(<path[^>]*>){2}/, '')

for (const { style, options, side, bare } of JSON.parse(readFileSync(0, 'utf8'))) {
  const whole = masksInWhite(createAvatar(styles[style], options).toString())
  const svg = bare ? bared(whole) : whole
  const drawing = new Resvg(svg, { fitTo: { mode: 'width', value: side } }).render().pixels
  for (let at = 0; at < drawing.length;) at += writeSync(1, drawing, at)
}
