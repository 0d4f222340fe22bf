// Zoom by wheel, keys, double click and two fingers; moving by dragging; swiping to the next photo.

const MOST = 8, SWIPE = 60;

export class Zoom {
  constructor(stage, photo, { swiped, drawing, closer }) {
    Object.assign(this, { stage, photo, swiped, drawing, closer, fingers: new Map() });
    this.reset();
    stage.addEventListener("wheel", (event) => { event.preventDefault(); this.by(event.deltaY < 0 ? 1.2 : 1 / 1.2, event); }, { passive: false });
    stage.addEventListener("dblclick", (event) => { if (!event.target.closest("button") && !this.drawing()) this.scale > 1 ? this.reset() : this.by(2.5, event); });
    stage.addEventListener("pointerdown", (event) => this.down(event));
    stage.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) stage.addEventListener(name, (event) => this.up(event));
  }

  reset() {
    Object.assign(this, { scale: 1, x: 0, y: 0 });
    this.apply();
  }

  apply() {
    this.photo.style.transform = `translate(${this.x}px, ${this.y}px) scale(${this.scale})`;
    this.stage.classList.toggle("zoomed", this.scale > 1);
  }

  by(factor, at = null) {
    const before = this.scale, { left, top, width, height } = this.stage.getBoundingClientRect();
    this.scale = Math.min(MOST, Math.max(1, before * factor));
    const change = this.scale / before;
    const x = at ? at.clientX - left - width / 2 : 0, y = at ? at.clientY - top - height / 2 : 0;
    this.x = x - (x - this.x) * change;
    this.y = y - (y - this.y) * change;
    this.hold();
    if (change > 1) this.closer();
  }

  // The photo does not leave the stage.
  hold() {
    const wide = Math.max(0, (this.photo.offsetWidth * this.scale - this.stage.clientWidth) / 2), high = Math.max(0, (this.photo.offsetHeight * this.scale - this.stage.clientHeight) / 2);
    this.x = Math.min(wide, Math.max(-wide, this.x));
    this.y = Math.min(high, Math.max(-high, this.y));
    this.apply();
  }

  down(event) {
    if (event.target.closest("button") || this.drawing() || event.button !== 0) return;
    event.preventDefault();
    this.stage.setPointerCapture(event.pointerId);
    this.fingers.set(event.pointerId, event);
    this.start = this.fingers.size === 1 ? { x: event.clientX, y: event.clientY, px: this.x, py: this.y, touch: event.pointerType !== "mouse" } : null;
  }

  move(event) {
    if (!this.fingers.has(event.pointerId)) return;
    if (this.fingers.size === 2) {
      const span = () => { const [one, other] = [...this.fingers.values()]; return Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY); };
      const before = span();
      this.fingers.set(event.pointerId, event);
      const [one, other] = [...this.fingers.values()];
      if (before) this.by(span() / before, { clientX: (one.clientX + other.clientX) / 2, clientY: (one.clientY + other.clientY) / 2 });
      return;
    }
    this.fingers.set(event.pointerId, event);
    if (this.start && this.scale > 1) {
      this.x = this.start.px + event.clientX - this.start.x;
      this.y = this.start.py + event.clientY - this.start.y;
      this.hold();
    }
  }

  up(event) {
    const { start } = this;
    if (!this.fingers.delete(event.pointerId)) return;
    this.start = null;
    if (!start || this.scale > 1 || event.type === "pointercancel") return;
    const across = event.clientX - start.x, along = event.clientY - start.y;
    if (Math.abs(across) > SWIPE && Math.abs(across) > 1.5 * Math.abs(along)) this.swiped(across < 0 ? 1 : -1);
  }
}
