// Hints of the photograph on the stage: dots over it, a list beside it, the color at hand.

import { Palette } from "./palette.js";

const NUDGE_PX = 3; // of the screen, for an arrow key
const byId = (id) => document.getElementById(id);

export class Hints extends EventTarget {
  #stage;
  #photo = null;
  #palette = new Palette(byId("palette"));
  #tool = null; // the color that a tap places
  #selected = null; // id of a hint
  #dots = new Map();
  #entries = new Map();
  #made = 0;

  /** Events: "change" after hints of the photograph changed; `detail` has `what` happened, and
   *  whether it `goesOn`, as while an arrow is held down. */
  constructor(stage) {
    super();
    this.#stage = stage;
    stage.addEventListener("tap", ({ detail }) => this.#place(detail));
    stage.window.addEventListener("pointerdown", (event) => {
      if (!event.target.closest(".dot")) this.#select(null);
    });
    this.#palette.addEventListener("choose", () => this.#chosen());
    byId("undo").addEventListener("click", () => this.#back("undo"));
    byId("redo").addEventListener("click", () => this.#back("redo"));
    byId("place").addEventListener("click", () => this.#placeInTheMiddle());
    byId("put-down").addEventListener("click", () => this.#putDown());
    document.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Show the hints of a photograph, or of none; nothing where the model `takes` none. */
  show(photo, takes) {
    const shown = takes ? photo : null;
    if (shown !== this.#photo) this.#selected = null;
    this.#photo = shown;
    byId("hints").hidden = !shown;
    if (!takes) this.#tool = null;
    this.#render();
  }

  #present() {
    return this.#photo?.hints.present ?? [];
  }

  #commit(points, what, key) {
    this.#photo.hints.commit(points, key);
    this.#render();
    this.dispatchEvent(new CustomEvent("change", { detail: { what, goesOn: key !== undefined } }));
  }

  #change(id, news, what) {
    const points = this.#present().map((hint) => (hint.id === id ? { ...hint, ...news } : hint));
    this.#commit(points, what, `${id} ${Object.keys(news)}`);
  }

  #place(point) {
    const hint = { id: ++this.#made, ...this.#inside(point), color: this.#tool };
    this.#commit([...this.#present(), hint], `${Palette.nameOf(hint.color)} placed`);
    return hint.id;
  }

  #placeInTheMiddle() {
    const { left, right, top, bottom } = this.#stage.view.seen;
    const id = this.#place(this.#stage.view.toPicture((left + right) / 2, (top + bottom) / 2));
    this.#dots.get(id).focus();
  }

  #drop(id) {
    const points = this.#present();
    const gone = points.findIndex((hint) => hint.id === id);
    const next = points[gone + 1] ?? points[gone - 1];
    const inList = document.activeElement?.closest("#placed");
    this.#selected = null;
    this.#commit(points.toSpliced(gone, 1), `${Palette.nameOf(points[gone].color)} removed`);
    if (!next) this.#stage.window.focus();
    else if (inList) this.#entries.get(next.id).querySelector(".drop").focus();
    else this.#dots.get(next.id).focus();
  }

  #back(way) {
    if (!this.#photo?.hints[way]()) return;
    this.#render();
    const what = way === "undo" ? "Undone" : "Done again";
    this.dispatchEvent(new CustomEvent("change", { detail: { what, goesOn: false } }));
  }

  #chosen() {
    const { color } = this.#palette;
    if (this.#selected === null) this.#tool = color;
    else this.#change(this.#selected, { color }, `Changed to ${Palette.nameOf(color)}`);
    this.#render();
  }

  #putDown() {
    this.#tool = null;
    this.#select(null);
    this.#stage.window.focus();
  }

  #select(id) {
    if (id === this.#selected && id !== null) return;
    this.#selected = id;
    this.#render();
  }

  #key(event) {
    if (!this.#photo || document.querySelector("dialog[open]")) return;
    if (event.key === "Escape" && (this.#tool || this.#selected)) this.#putDown();
    else if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") {
      event.preventDefault();
      this.#back(event.shiftKey ? "redo" : "undo");
    } else if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "y") {
      event.preventDefault();
      this.#back("redo");
    }
  }

  #render() {
    const points = this.#present();
    const selected = points.find((hint) => hint.id === this.#selected);
    if (!selected) this.#selected = null;
    const color = selected?.color ?? this.#tool;
    this.#palette.show(color);
    this.#stage.placing = this.#photo !== null && this.#tool !== null;
    this.#stage.window.classList.toggle("placing", this.#stage.placing);
    const name = color && Palette.nameOf(color);
    byId("hint-help").textContent = selected
      ? `${name}: drag it, give it another color, or remove it.`
      : this.#tool
        ? `Touch the picture where ${name.toLowerCase()} belongs.`
        : "Choose a color, then touch the picture where it belongs.";
    byId("place").disabled = !this.#tool;
    byId("put-down").disabled = !this.#tool && !selected;
    byId("undo").disabled = !this.#photo?.hints.canUndo;
    byId("redo").disabled = !this.#photo?.hints.canRedo;
    this.#renderEach(this.#dots, byId("dots"), points, () => this.#newDot());
    this.#renderEach(this.#entries, byId("placed"), points, () => this.#newEntry());
    for (const hint of points) this.#fill(hint);
  }

  /** One element for each hint, in their order; those that stay keep the focus. */
  #renderEach(elements, parent, points, make) {
    const ids = new Set(points.map((hint) => hint.id));
    for (const [id, element] of elements) {
      if (ids.has(id)) continue;
      element.remove();
      elements.delete(id);
    }
    points.forEach(({ id }, at) => {
      if (!elements.has(id)) {
        const element = make();
        element.dataset.id = id;
        elements.set(id, element);
      }
      const element = elements.get(id);
      if (parent.children[at] !== element) parent.insertBefore(element, parent.children[at] ?? null);
    });
  }

  #fill({ id, x, y, color }) {
    const where = `${x}, ${y}`;
    const dot = this.#dots.get(id);
    dot.style.left = `${(100 * x) / this.#photo.size.width}%`;
    dot.style.top = `${(100 * y) / this.#photo.size.height}%`;
    dot.style.setProperty("--color", color);
    dot.classList.toggle("selected", id === this.#selected);
    dot.setAttribute("aria-label", `Hint: ${Palette.nameOf(color)} at ${where}`);
    const entry = this.#entries.get(id);
    entry.classList.toggle("selected", id === this.#selected);
    entry.querySelector(".swatch").style.background = color;
    entry.querySelector(".what").textContent = Palette.nameOf(color);
    entry.querySelector(".where").textContent = where;
    entry.querySelector(".drop").setAttribute("aria-label", `Remove ${Palette.nameOf(color)}`);
  }

  #newEntry() {
    const entry = byId("entry").content.firstElementChild.cloneNode(true);
    const id = () => Number(entry.dataset.id);
    entry.querySelector(".pick").addEventListener("click", () => this.#dots.get(id()).focus());
    entry.querySelector(".drop").addEventListener("click", () => this.#drop(id()));
    return entry;
  }

  #newDot() {
    const dot = document.createElement("button");
    dot.type = "button";
    dot.className = "dot";
    dot.setAttribute("aria-keyshortcuts", "Delete");
    const id = () => Number(dot.dataset.id);
    dot.addEventListener("focus", () => this.#select(id()));
    dot.addEventListener("keydown", (event) => this.#dotKey(event, id()));
    dot.addEventListener("pointerdown", (event) => {
      dot.setPointerCapture(event.pointerId);
      dot.focus({ preventScroll: true });
      this.#select(id());
    });
    let moved = null; // while it is dragged
    const drag = (event) => {
      if (!dot.hasPointerCapture(event.pointerId)) return;
      moved = this.#inside(this.#stage.pictureAt(event));
      this.#fill({ ...this.#present().find((hint) => hint.id === id()), ...moved });
    };
    dot.addEventListener("pointermove", drag);
    dot.addEventListener("pointerup", (event) => {
      if (!moved) return;
      drag(event); // the last way may come with it
      this.#change(id(), moved, "Moved");
      moved = null;
    });
    dot.addEventListener("pointercancel", () => {
      moved = null;
      this.#render();
    });
    return dot;
  }

  #dotKey(event, id) {
    if (event.key === "Delete" || event.key === "Backspace") {
      event.preventDefault();
      this.#drop(id);
      return;
    }
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const way = ways[event.key];
    if (!way) return;
    event.preventDefault();
    event.stopPropagation();
    const { x, y } = this.#present().find((hint) => hint.id === id);
    const step = (event.shiftKey ? 10 : 1) * Math.max(1, NUDGE_PX / this.#stage.view.scale);
    const moved = this.#inside({ x: x + way[0] * step, y: y + way[1] * step });
    this.#change(id, moved, "Moved");
  }

  /** The nearest whole pixel of the photograph. */
  #inside({ x, y }) {
    const { width, height } = this.#photo.size;
    const whole = (at, length) => Math.min(length - 1, Math.max(0, Math.round(at)));
    return { x: whole(x, width), y: whole(y, height) };
  }
}
