// Components that we draw ourselves, by their kind; Gradio makes the place for each and tells it its values.
import {el} from "./dom.js";

/**
 * @callback Kind
 * @param {HTMLElement} root the place to draw in
 * @param {any} props what the server said of the component
 * @param {(event: string, data?: object) => void} trigger tells Gradio of an event
 * @returns {((value: any) => void) | void} draws a value
 */

/** What the server said of the page. @type {{titles: Object<string, string>, inside: Object<string, any>}} */
export const known = {titles: {}, inside: {}};

/**
 * How Gradio makes a component of a kind; its own template stays empty and ours is kept beside it.
 * @param {Object<string, Kind>} kinds
 */
export function mounter(kinds) {
  return (kind, element, props, trigger,
    watch) => {
    const root = el("div", {class: `sx-root sx-${kind}-root`});
    const update = kinds[kind](root, props, trigger) || (() => {});
    const draw = () => {
      if (root.parentElement !== element) element.appendChild(root);
      let value = {};
      try { value = JSON.parse(props.value || "{}"); } catch { /* not ours yet */ }
      update(value);
    };
    watch("value", draw);
    draw();
  };
}
