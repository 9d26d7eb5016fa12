// Look inside: x_t beside the estimate of x0 at the step under the scrubber, and the numbers of that step.
sx.kinds.process = (root, props) => {
  const picture = (label) => {
    const image = sx.el("img", {alt: label, class: "sx-inside-image", src: "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="});
    return [image, sx.el("figure", {}, sx.el("figcaption", {}, label), image)];
  };
  const [x_t, left] = picture("x_t, the state");
  const [x0, right] = picture("x̂0, the estimate");
  const numbers = sx.el("dl", {class: "sx-numbers sx-num"});
  const hint = sx.el("p", {class: "sx-quiet"}, "The state and the estimate of the picture appear here while a run goes on, and under the scrubber afterwards.");
  root.replaceChildren(sx.el("div", {class: "sx-two"}, left, right), hint, numbers);
  const names = {"\\sigma": "σ", "\\bar\\alpha_t": "ᾱ_t", "\\sqrt{\\bar\\alpha_t}": "√ᾱ_t", "\\sqrt{1-\\bar\\alpha_t}": "√(1−ᾱ_t)"};
  document.addEventListener(`sx-frame-${props.family}`, (event) => {
    const {frame, k} = event.detail, index = Math.min(k, frame.x0.length - 1);
    hint.hidden = true;
    x_t.src = frame.x_t[index];
    x0.src = frame.x0[index];
    const rows = [["picture", `${index + 1} of ${frame.x0.length}`], ["step", `${frame.step} of ${frame.total}`],
                  ["calls", String(frame.calls)], ...Object.entries(frame.numbers).map(([name, value]) => [names[name] || name, value])];
    numbers.replaceChildren(...rows.flatMap(([name, value]) => [sx.el("dt", {}, name), sx.el("dd", {}, value)]));
  });
};
