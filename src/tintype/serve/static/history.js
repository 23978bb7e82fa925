// What was, is, and was undone. States are values that nobody changes.

const SAME_STEP_MS = 800;

export class History {
  #past = [];
  #future = [];
  #step = { key: null, at: 0 };

  constructor(present) {
    this.present = present;
  }

  get canUndo() {
    return this.#past.length > 0;
  }

  get canRedo() {
    return this.#future.length > 0;
  }

  /** Go on to a state. Quick repeats of one `key`, an arrow held down, are one step back. */
  commit(next, key = null) {
    const now = performance.now();
    const same = key !== null && key === this.#step.key && now - this.#step.at < SAME_STEP_MS;
    if (!same) this.#past.push(this.present);
    this.#step = { key, at: now };
    this.#future = [];
    this.present = next;
  }

  undo() {
    if (!this.canUndo) return false;
    this.#future.push(this.present);
    this.present = this.#past.pop();
    this.#step = { key: null, at: 0 };
    return true;
  }

  redo() {
    if (!this.canRedo) return false;
    this.#past.push(this.present);
    this.present = this.#future.pop();
    this.#step = { key: null, at: 0 };
    return true;
  }
}
