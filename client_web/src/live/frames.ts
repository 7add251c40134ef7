/** The one animation loop: everything that moves is drawn from here, at most once a frame, and only when it changed. */

export type Draw = (nowMs: number) => void;

class FrameLoop {
  readonly #draws = new Set<Draw>();
  #running = false;

  add(draw: Draw): () => void {
    this.#draws.add(draw);
    if (!this.#running) {
      this.#running = true;
      requestAnimationFrame(this.#frame);
    }
    return () => {
      this.#draws.delete(draw);
    };
  }

  readonly #frame = (now: number): void => {
    if (this.#draws.size === 0) {
      this.#running = false;
      return;
    }
    for (const draw of this.#draws) draw(now);
    requestAnimationFrame(this.#frame);
  };
}

export const frames = new FrameLoop();
