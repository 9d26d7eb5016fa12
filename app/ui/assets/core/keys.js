// Keys that do the same everywhere on the page.

/** @param {string} selector @returns {any} */
const shown = (selector) => [...document.querySelectorAll(selector)].find((node) => /** @type {any} */ (node).offsetParent !== null);

/** Whether somebody is writing there, so that letters are no commands. @param {any} target */
export const isWriting = (target, more = "") =>
  Boolean(target.closest?.(`input:not([type=checkbox]), textarea, [contenteditable=true]${more}`));

/** Whether a key is pressed along that makes it a command of the browser. @param {KeyboardEvent} event */
export const withModifier = (event) => event.altKey || event.ctrlKey || event.metaKey;

/** Ctrl-Enter presses the tab's button, Escape stops what runs. */
export function listen() {
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      const button = shown("button.sx-generate") || shown(".sx-generate button");
      if (!button) return;
      event.preventDefault();
      /** @type {HTMLElement | null} */ (document.activeElement)?.blur();        // so that a number being typed counts
      setTimeout(() => button.click(), 60);
    } else if (event.key === "Escape") shown("button.sx-stop:not([disabled])")?.click();
  }, true);

  // A slider's number that is left empty is again what it was: Gradio would take its least value, which nobody wrote.
  document.addEventListener("focus", (event) => {
    const target = /** @type {any} */ (event.target);
    if (target.type === "number") target.dataset.before = target.value;
  }, true);
  document.addEventListener("blur", (event) => {
    const target = /** @type {any} */ (event.target);
    if (target.type !== "number" || target.value !== "" || target.closest(".sx-root")) return;       // our own may be empty
    if (!target.closest(".block")?.querySelector("input[type=range]")) return;
    target.value = target.dataset.before;
    target.dispatchEvent(new Event("input", {bubbles: true}));
  }, true);
}
