// What was found of the user's own picture: likelihood, noise, the picture that came back; or the way between two pictures.
sx.kinds.examined = (root) => {
  root.replaceChildren(sx.el("p", {class: "sx-quiet"},
    "Measure: how likely the model finds the picture, in bits per dimension, and whether it survives the way to noise and back. It is cut to a square and shrunk to the model's size."));
  const figure = (label, url, title) => sx.el("figure", {title}, sx.el("figcaption", {}, label), sx.el("img", {src: url, alt: label, class: "sx-inside-image"}));
  return (value) => {
    if (value.error) root.replaceChildren(sx.el("p", {class: "sx-error", role: "alert"}, value.error));
    else if (value.way) root.replaceChildren(sx.el("div", {class: "sx-way-row"}, ...value.way.map((url, k) =>
      sx.el("img", {src: url, alt: `${k} of ${value.way.length - 1}`}))),
      sx.el("p", {class: "sx-quiet"}, "Both pictures were carried to their noises; these lie between them on the sphere of noises."));
    else if (value.examined) {
      const e = value.examined;
      const facts = [...Object.entries(e.said), ["noise", `standard deviation ${e.noise_std.toFixed(2)}`], ["comes back", `within ${e.difference} of 255 levels`],
        ["calls", `${e.likelihood_calls} and ${e.encode_calls}`], ["time", sx.seconds(e.seconds)], ...(e.note ? [["note", e.note]] : [])];
      root.replaceChildren(sx.el("div", {class: "sx-three"}, figure("picture", e.picture, "As the model sees it"),
        figure("its noise", e.noise, "Where the ODE carries it; grey is 0"), figure("and back", e.back, "What the ODE makes of that noise")),
        sx.el("dl", {class: "sx-numbers sx-num"}, ...facts.flatMap(([name, text]) => [sx.el("dt", {}, name), sx.el("dd", {}, text)])));
    }
  };
};
