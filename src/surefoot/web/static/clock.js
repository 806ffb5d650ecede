// The time on the hill, in steps: it plays, pauses, steps and is scrubbed; whoever listens draws.
export class Clock {
  constructor(draw) {
    Object.assign(this, { draw, now: 0, end: 1, speed: 15, playing: false, last: 0, frames: [] });
    this.tick = this.tick.bind(this);
  }

  play() {
    if (this.now >= this.end) this.now = 0;
    this.playing = true;
    this.last = 0;
    this.frames = [];
    requestAnimationFrame(this.tick);
    this.draw();
  }

  pause() {
    this.playing = false;
    this.draw();
  }

  go(step) {
    this.now = Math.min(Math.max(step, 0), this.end);
    this.draw();
  }

  tick(time) {
    if (!this.playing) return;
    if (this.last) this.now = Math.min(this.now + ((time - this.last) / 1000) * this.speed, this.end);
    this.last = time;
    this.frames.push(time);
    while (this.frames[0] < time - 1000) this.frames.shift();
    if (this.now >= this.end) this.playing = false;
    else requestAnimationFrame(this.tick);
    this.draw();
  }
}
