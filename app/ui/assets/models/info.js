// Everything that can be said of a repository before it is downloaded.
import {el} from "../core/dom.js";
import {bytes, short} from "../core/format.js";
import {get} from "../core/link.js";
import {primary, small} from "../parts/buttons.js";
import {modelFacts, toldPlace} from "./parts.js";

/** @typedef {{draw: (name: string) => void, download: (repo: string, revision: string) => void}} OnModel */

const bad = (text) => el("span", {class: "sx-error"}, text);

/** @param {string} address */
const page = (address) => /^https?:\/\//.test(address)
  ? el("a", {href: address, target: "_blank", rel: "noopener noreferrer"}, "The model on the Hub") : null;

/** @param {any} found */
function memoryNeeded(found) {
  const needs = `${found.parameters ? "" : "at most "}${bytes(found.needs)} for the weights`;     // which may be kept in half precision
  return found.fits ? `${needs}; ${bytes(found.memory)} may be used, ${bytes(found.free)} are free now`
    : bad(`${needs}; only ${bytes(found.memory)} may be used on this device`);
}

/** @param {any} found */
function spaceNeeded(found) {
  const size = `${found.listing.length} of ${found.files} files, ${bytes(found.bytes)}; ${bytes(found.disk)} are free on the disk`;
  return found.disk > found.bytes ? size : bad(size);
}

/** @param {any} found @returns {Array<[string, any]>} */
const loading = (found) => [["Download", spaceNeeded(found)], ["Memory", memoryNeeded(found)],
  ["Weights", found.parameters ? `${short(found.parameters)} parameters, ${found.dtype}` : "in a precision that only the files tell"]];

/** @param {any} found */
const listing = (found) => el("details", {}, el("summary", {}, "Files that would be downloaded"),
  el("div", {class: "sx-files"}, ...found.listing.map((file) => el("div", {class: "sx-file"},
    el("span", {}, file.path), el("span", {class: "sx-num sx-quiet"}, bytes(file.size))))));

/** @param {any} found */
function verdict(found) {
  if (found.problem) return found.problem;    // the sentence says what to do, also where access has to be asked for
  return found.fits ? `It will load as ${found.kind} and appear in the ${found.family_title} tab.`
    : `It is of a kind that can be loaded, ${found.kind}, but its weights need more memory than this device has for them.`;
}

/**
 * @param {string} repo
 * @param {string} revision
 * @param {OnModel} on
 */
export function repositoryInfo(repo, revision, on) {
  const told = toldPlace();
  told.textContent = "Asking the Hub …";
  const panel = el("div", {class: "sx-model-more sx-model-info"}, told);
  const action = (found) => {
    const loads = !found.problem, wanted = loads && found.fits;
    if (found.here) return primary("Draw with it", () => on.draw(`${found.id}@${found.commit.slice(0, 8)}`),
      {"aria-label": `Draw with ${found.id}`});
    if (found.conversion) return primary(`Look at ${found.conversion}`, () => ask(found.conversion));
    return (wanted ? primary : small)(loads ? `Download ${bytes(found.bytes)}` : "Download",
      () => on.download(found.id, revision), {disabled: !loads});
  };
  const draw = (found) => {
    const loads = !found.problem;
    panel.replaceChildren(
      el("p", {class: loads ? "sx-model-verdict" : "sx-model-verdict sx-error"}, verdict(found)),
      el("div", {class: "sx-row"}, action(found), found.here ? el("span", {class: "sx-quiet"}, "It is on this machine.") : null,
        el("span", {class: "sx-space"}), page(found.url)),
      modelFacts([...loads ? loading(found) : /** @type {Array<[string, any]>} */ ([["Files", `${found.files}, ${bytes(found.whole)}`]]),
        ["Licence", found.licence || "none stated"],
        ["Access", found.gated ? `gated${loads ? "; your account has accepted its conditions" : ""}` : ""], ["Updated", found.updated],
        ["Liked", `${short(found.likes)} times; ${short(found.downloads)} downloads in the last month`], ["Commit", found.commit]]));
    if (loads) panel.append(listing(found));
    if (found.card) panel.append(el("div", {class: "sx-model-card", tabindex: "0", role: "region",
      "aria-label": "First lines of its card"}, found.card));
  };
  const ask = (at) => {
    revision = at;
    get(`api/models/info?${new URLSearchParams({repo, revision})}`).then(draw, (error) => {
      const trouble = toldPlace("alert");
      trouble.textContent = error.message;
      panel.replaceChildren(trouble);
    });
  };
  ask(revision);
  return panel;
}
