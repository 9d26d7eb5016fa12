// A slider over recorded steps with a play button; onseek(position) is called with 1 .. count.
sx.scrubber = (onseek, label = "Recorded step") => {
  const play = sx.el("button", {class: "sx-small sx-play", type: "button", disabled: true, title: "Play the process from noise to picture"}, "▶ Play");
  const range = sx.el("input", {type: "range", min: 1, max: 1, value: 1, disabled: true, "aria-label": label});
  const text = sx.el("span", {class: "sx-num sx-scrub-text"}, "");
  let timer = null;
  const stop = () => { clearInterval(timer); timer = null; play.textContent = "▶ Play"; };
  const go = (position) => { range.value = position; return onseek(position); };
  play.onclick = () => {
    if (timer) { stop(); return; }
    const count = Number(range.max), pause = Math.max(60, Math.min(300, 4000 / count));      // about four seconds in all
    let position = Number(range.value) >= count ? 0 : Number(range.value);
    play.textContent = "❚❚ Pause";
    timer = setInterval(() => { go(++position); if (position >= count) stop(); }, pause);
  };
  range.oninput = () => { stop(); onseek(Number(range.value)); };
  return {
    nodes: [play, range, text],
    text,
    seek: go,
    // There are `count` steps now, and the last one is shown; with fewer than two there is nothing to scrub.
    set(count) {
      stop();
      range.max = Math.max(1, count); range.value = range.max;
      range.disabled = play.disabled = count < 2;
    },
  };
};
