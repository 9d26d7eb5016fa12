// What Gradio and its handlers (js= and js_on_load= in app/ui/*.py) find of ours, as `sx`.
import {drafts} from "./core/drafts.js";
import {comma} from "./core/format.js";
import {recall} from "./core/kept.js";
import {listen} from "./core/keys.js";
import {get} from "./core/link.js";
import {mounter} from "./core/mount.js";
import {place} from "./core/place.js";
import {compare} from "./grid/compare.js";
import {models} from "./models/page.js";
import {canvas} from "./panels/canvas.js";
import {codes} from "./panels/codes.js";
import {examined} from "./panels/examined.js";
import {families} from "./panels/families.js";
import {gallery} from "./panels/gallery.js";
import {head} from "./panels/head.js";
import {lab} from "./panels/lab.js";
import {measured} from "./panels/measured.js";
import {notices} from "./panels/notices.js";
import {process} from "./panels/process.js";
import {seeds} from "./panels/seeds.js";
import {chips, sentence, tips} from "./parts/words.js";

listen();
place.listen();
drafts.listen();

const kinds = {canvas, chips, codes, compare, examined, families, gallery, head, lab, measured, models, notices,
  process, seeds, sentence, tips};

/** @type {any} */ (window).sx = {mount: mounter(kinds), drafts, place, comma, recall, get};
