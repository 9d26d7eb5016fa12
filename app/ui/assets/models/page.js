// The models page: what is here, the user's own files, downloads and the Hub. All names, cards and sentences are drawn as text.
import {el} from "../core/dom.js";
import {Downloads} from "./downloads.js";
import {Here} from "./here.js";
import {HubSearch} from "./search.js";

/** @type {import("../core/mount.js").Kind} */
export function models(root, props, trigger) {
  const draw = (name) => trigger("select", {action: "draw", name});
  const download = (repo, revision) => downloads.start(repo, revision);
  const here = new Here({draw, download, removed: (repo) => hub.again(repo)});
  const downloads = new Downloads({draw, done: (repo, commit) => {
    here.refresh((model) => model.repo === repo && model.commit === commit);
    hub.again(repo);
  }});
  const hub = new HubSearch(props, {draw, download});
  root.replaceChildren(el("div", {class: "sx-models"},
    el("div", {}, here.node), el("div", {}, downloads.node, hub.node)));
  // The tab is drawn when it is first seen, and looks again each time it is seen again.
  new IntersectionObserver((entries) => {
    const seen = entries.at(-1).isIntersecting;
    if (seen) here.refresh();
    downloads.watch(seen);
  }).observe(root);
}
