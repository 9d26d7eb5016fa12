// What was found of the user's own picture: likelihood, noise, the picture that came back; or the interpolation between two pictures.
import {el, pairList} from "../core/dom.js";
import {seconds} from "../core/format.js";

const HINT = "Measure: how likely the model finds the picture, in bits per dimension, and whether it survives the way to noise and back. "
  + "It is cut to a square and shrunk to the model's size.";

/** @type {import("../core/mount.js").Kind} */
export function examined(root) {
  root.replaceChildren(el("p", {class: "sx-quiet"}, HINT));
  return (value) => {
    if (value.error) root.replaceChildren(el("p", {class: "sx-error", role: "alert"}, value.error));
    else if (value.interpolation) root.replaceChildren(...interpolation(value.interpolation));
    else if (value.examined) root.replaceChildren(...measured(value.examined));
  };
}

/** @param {string[]} urls */
function interpolation(urls) {
  return [el("div", {class: "sx-interpolation"}, ...urls.map((url, k) => el("img", {src: url, alt: `${k} of ${urls.length - 1}`}))),
    el("p", {class: "sx-quiet"}, "Both pictures were carried to their noises; these lie between them on the sphere of noises.")];
}

/** @param {import("../core/records").Examined} found */
function measured(found) {
  const figure = (label, url, title) =>
    el("figure", {title}, el("figcaption", {}, label), el("img", {src: url, alt: label, class: "sx-inside-image"}));
  /** @type {Array<[string, string]>} */
  const facts = [...Object.entries(found.said), ["noise", `standard deviation ${found.noise_std.toFixed(2)}`],
    ["comes back", `within ${found.difference} of 255 levels`], ["NFE", `${found.likelihood_calls} and ${found.encode_calls}`],
    ["time", seconds(found.seconds)]];
  if (found.note) facts.push(["note", found.note]);
  return [
    el("div", {class: "sx-three"}, figure("picture", found.picture, "As the model sees it"),
      figure("its noise", found.noise, "Where the ODE carries it; grey is 0"),
      figure("and back", found.back, "What the ODE makes of that noise")),
    pairList(facts, "sx-numbers sx-num")];
}
