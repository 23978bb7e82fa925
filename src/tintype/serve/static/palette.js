// Colors to choose a hint's from: what photographs are made of, and the browser's own picker.

const MATERIALS = [
  ["Light skin", "#deb196"],
  ["Tan skin", "#b98562"],
  ["Brown skin", "#7e5139"],
  ["Rosy lips", "#b65c5e"],
  ["Blond hair", "#c2a066"],
  ["Brown hair", "#644634"],
  ["Clear sky", "#7fabd6"],
  ["Pale sky", "#b4cbdc"],
  ["Sea", "#3f7483"],
  ["Grass", "#7f9a45"],
  ["Foliage", "#4f6f38"],
  ["Earth", "#80624a"],
  ["Wood", "#96693f"],
  ["Brick", "#a5533c"],
  ["Brass", "#b8923f"],
  ["Denim", "#4f6d99"],
  ["Navy", "#27365c"],
  ["Khaki", "#9d9166"],
  ["Red cloth", "#a8323a"],
  ["No color", "#9a9a9a"],
];

/** Events: "choose" when a person has chosen. `color` is "#rrggbb", or null where none is. */
export class Palette extends EventTarget {
  #radios = [];

  constructor(element) {
    super();
    for (const [name, color] of MATERIALS) this.#radios.push(this.#radio(name, color));
    const own = document.createElement("input");
    own.type = "color";
    own.className = "own";
    own.title = "Another color";
    own.setAttribute("aria-label", "Another color");
    own.value = "#8a4b2a";
    own.addEventListener("input", () => this.#choose(null, own.value));
    const group = document.createElement("div");
    group.className = "swatches";
    group.setAttribute("role", "radiogroup");
    group.setAttribute("aria-label", "Color of the hint");
    group.append(...this.#radios);
    group.addEventListener("keydown", (event) => this.#key(event));
    element.append(group, own);
    this.show(null);
  }

  /** What a color is called. */
  static nameOf(color) {
    return MATERIALS.find((material) => material[1] === color)?.[0] ?? color;
  }

  /** Make a color, or none, the chosen one without telling anybody. */
  show(color) {
    this.color = color;
    const current = this.#radios.find((radio) => radio.dataset.color === color);
    for (const radio of this.#radios) {
      radio.setAttribute("aria-checked", radio === current);
      radio.tabIndex = radio === (current ?? this.#radios[0]) ? 0 : -1;
    }
  }

  #radio(name, color) {
    const radio = document.createElement("button");
    radio.type = "button";
    radio.className = "swatch";
    radio.title = name;
    radio.dataset.color = color;
    radio.style.background = color;
    radio.setAttribute("role", "radio");
    radio.setAttribute("aria-label", name);
    radio.addEventListener("click", () => this.#choose(radio, color));
    return radio;
  }

  #choose(radio, color) {
    this.show(color);
    radio?.focus();
    this.dispatchEvent(new Event("choose"));
  }

  #key(event) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const { length } = this.#radios;
    const at = this.#radios.indexOf(event.target);
    const next = this.#radios[(at + step + length) % length];
    this.#choose(next, next.dataset.color);
  }
}
