// A bar beneath the head: how the data folder was found, and what may be done about it. Gone when it was read.
import {el} from "../core/dom.js";
import {recallAlways, rememberAlways} from "../core/kept.js";
import {get, post} from "../core/link.js";
import {small} from "../parts/buttons.js";

const GONE = "Mark these pictures as missing? Their settings stay, and a file that comes back is found again.";
const read = () => { try { return JSON.parse(recallAlways("read") || "[]"); } catch { return []; } };

/** @type {import("../core/mount.js").Kind} */
export function notices(root) {
  const act = async (accept) => {
    try { show((await post("api/notices", {accept})).notices); } catch (error) { root.prepend(el("p", {role: "alert"}, error.message)); }
  };
  const gone = () => { if (confirm(GONE)) act(true); };
  const line = (notice) => {
    const node = el("div", {class: "sx-notice", role: "status"}, el("p", {}, notice.text));
    const dismiss = () => { rememberAlways("read", JSON.stringify([...read(), notice.text].slice(-50))); node.remove(); };
    if (notice.actions.includes("again")) node.append(small("Look again", () => act(false)));
    if (notice.actions.includes("accept")) node.append(small("They are gone", gone));
    if (!notice.actions.length) node.append(small("Dismiss", dismiss));
    return node;
  };
  const show = (told) => {
    const before = read();
    root.replaceChildren(...told.filter((notice) => notice.actions.length || !before.includes(notice.text)).map(line));
  };
  get("api/notices").then((found) => show(found.notices)).catch(() => {});     // the head says that the server is not reachable
}
