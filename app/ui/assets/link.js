// The way to the program. All requests of ours take it, so that the page knows at once when nothing answers, and says so until
// something does. Gradio loads the page anew after a loss that it noticed; drafts.js keeps what was typed.
sx.link = {
  lost: false,
  failures: 0,
  mended: 0,                                                 // timer
  SENTENCE: "No connection to the program.",

  // What the program answers, as JSON. Throws an Error with the program's own sentence and `status`, 0 if nothing answered.
  async ask(path, options = {}) {
    let response;
    try { response = await fetch(path, options); } catch { return sx.link.missed(); }
    if ([502, 503, 504].includes(response.status)) return sx.link.missed();      // a proxy answers in the program's place
    sx.link.heard();
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) throw sx.link.error(answer.error || response.statusText, response.status);
    return answer;
  },

  error: (sentence, status) => Object.assign(new Error(sentence), {status}),
  missed() {
    sx.link.failures++;
    sx.link.turn(true);
    throw sx.link.error(sx.link.SENTENCE, 0);
  },
  heard() {
    sx.link.failures = 0;
    sx.link.turn(false);
  },
  turn(lost) {
    if (lost === sx.link.lost) return;
    sx.link.lost = lost;
    clearTimeout(sx.link.mended);
    if (lost) sx.remember("lost", "yes");
    else sx.link.mended = setTimeout(() => sx.remember("lost", null), 10_000);       // Gradio, if it noticed, has loaded the page by then
    document.dispatchEvent(new CustomEvent("sx-link", {detail: lost}));
  },

  // How long to wait before asking again: as usual, or longer and longer, but never so long that its return goes unnoticed.
  pause: (usual) => sx.link.lost ? Math.min(1500, Math.max(usual, 250 * sx.link.failures)) : usual,
  // Whether the answer is final: the program knows better than to be asked again.
  final: (error) => error.status > 0 && error.status !== 429,
};

// A bar above everything else while nothing answers, and a word of it afterwards. program: who served the page.
sx.linkBar = (program) => {
  const node = sx.el("div", {class: "sx-linkbar", role: "status", hidden: true});
  const say = (...parts) => { node.replaceChildren(...parts); node.hidden = false; };
  const close = sx.el("button", {class: "sx-small", type: "button", onclick: () => { node.hidden = true; }}, "Close");
  document.addEventListener("sx-link", ({detail: lost}) => {
    node.classList.toggle("sx-linkbar-lost", lost);
    if (lost) say("No connection to the program; trying again … What you type stays.");
    else node.hidden = true;
  });
  const lost = sx.recall("lost"), again = sx.recall("again") === program;
  sx.remember("lost", null);
  if (again) sx.remember("again", null);
  if (again) say("The program was started again, so the page was loaded anew. What you had typed is here.", close);
  else if (lost) say("The connection was lost, so the page was loaded anew. What you had typed is here; press again what you pressed meanwhile.", close);

  let typed = 0;
  document.addEventListener("keydown", () => { typed = Date.now(); }, true);
  return {
    node,
    // Another program answers: its page is wanted, as soon as nobody is in the middle of a word.
    heard(now) {
      if (now === program || sx.recall("again") === now) return;
      if (Date.now() - typed < 1000) { setTimeout(() => this.heard(now), 500); return; }
      sx.remember("again", now);
      location.reload();
    },
  };
};
