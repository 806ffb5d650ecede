// The time of the animation, in optimizer steps: play, pause, go to a step. onChange is called after every change.
export class Clock {
  constructor(onChange) {
    Object.assign(this, { onChange, now: 0, end: 1, stepsPerSecond: 15, playing: false, lastFrame: 0 });
    this.tick = this.tick.bind(this);
  }

  play() {
    if (this.now >= this.end) this.now = 0;
    this.playing = true;
    this.lastFrame = 0;
    requestAnimationFrame(this.tick);
    this.onChange();
  }

  goTo(step) {
    this.playing = false;
    this.now = Math.min(Math.max(step, 0), this.end);
    this.onChange();
  }

  // time: milliseconds, from requestAnimationFrame.
  tick(time) {
    if (!this.playing) return;
    if (this.lastFrame) this.now = Math.min(this.now + ((time - this.lastFrame) / 1000) * this.stepsPerSecond, this.end);
    this.lastFrame = time;
    if (this.now >= this.end) this.playing = false;
    else requestAnimationFrame(this.tick);
    this.onChange();
  }
}
