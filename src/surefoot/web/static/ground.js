// The surface as a picture: a curve over the line, or bands of equal height over the plane. Drawn once, then copied.
import { colour, mixed, parts, prepared } from "./look.js";

const PAD = 14;
const BANDS = 16;

export class Ground {
  constructor(surface, canvas) {
    const { width, height, scale } = prepared(canvas);
    Object.assign(this, { surface, width, height });
    const [x, y] = surface.dimensions === 1 ? [surface.box[0], span(surface.values)] : surface.box;
    Object.assign(this, { x, y });
    this.picture = document.createElement("canvas");
    Object.assign(this.picture, { width: canvas.width, height: canvas.height });
    const context = this.picture.getContext("2d");
    context.setTransform(scale, 0, 0, scale, 0, 0);
    if (surface.dimensions === 1) this.drawCurve(context);
    else this.drawBands(context);
  }

  toX(x) { return PAD + ((x - this.x[0]) / (this.x[1] - this.x[0])) * (this.width - 2 * PAD); }
  toY(y) { return this.height - PAD - ((y - this.y[0]) / (this.y[1] - this.y[0])) * (this.height - 2 * PAD); }
  fromX(x) { return this.x[0] + ((x - PAD) / (this.width - 2 * PAD)) * (this.x[1] - this.x[0]); }
  fromY(y) { return this.y[0] + ((this.height - PAD - y) / (this.height - 2 * PAD)) * (this.y[1] - this.y[0]); }

  // Where a position of the ball is on the canvas; on the line its height is that of the curve.
  place(position) {
    const [x, y] = this.surface.dimensions === 1 ? [position[0], this.heightAt(position[0])] : position;
    return [this.toX(x), this.toY(y)];
  }

  heightAt(x) {
    const values = this.surface.values;
    const at = Math.min(Math.max(((x - this.x[0]) / (this.x[1] - this.x[0])) * (values.length - 1), 0), values.length - 1);
    const low = Math.min(Math.floor(at), values.length - 2);
    return values[low] + (values[low + 1] - values[low]) * (at - low);
  }

  drawCurve(context) {
    const { values } = this.surface;
    const step = (this.x[1] - this.x[0]) / (values.length - 1);
    context.beginPath();
    values.forEach((value, i) => context.lineTo(this.toX(this.x[0] + i * step), this.toY(value)));
    context.strokeStyle = colour("ink");
    context.lineWidth = 2;
    context.stroke();
    context.lineTo(this.width - PAD, this.height);
    context.lineTo(PAD, this.height);
    context.fillStyle = colour("outside");
    context.fill();
    this.drawMinima(context);
  }

  drawBands(context) {
    const [columns, rows] = this.surface.counts;
    const [low, high] = [parts(colour("low")), parts(colour("high"))];
    const heights = this.surface.values.map((value) => Math.log1p(value - this.surface.lowest));
    const highest = Math.max(...heights);
    const wide = Math.round(this.width - 2 * PAD);
    const tall = Math.round(this.height - 2 * PAD);
    const image = new ImageData(wide, tall);
    const bands = new Uint8Array(wide * tall);
    for (let j = 0; j < tall; j++) {
      const v = (1 - j / (tall - 1)) * (rows - 1);
      const row = Math.min(Math.floor(v), rows - 2);
      for (let i = 0; i < wide; i++) {
        const u = (i / (wide - 1)) * (columns - 1);
        const column = Math.min(Math.floor(u), columns - 2);
        const at = row * columns + column;
        const [a, b] = [u - column, v - row];
        const below = heights[at] * (1 - a) + heights[at + 1] * a;
        const above = heights[at + columns] * (1 - a) + heights[at + columns + 1] * a;
        bands[j * wide + i] = Math.min(((below * (1 - b) + above * b) / highest) * BANDS, BANDS - 1);
      }
    }
    const shades = Array.from({ length: BANDS }, (_, band) => mixed(low, high, band / (BANDS - 1)));
    const edge = parts(colour("edge"));
    for (let at = 0; at < bands.length; at++) {
      const border = bands[at] !== bands[at + 1] && (at + 1) % wide !== 0 || (at + wide < bands.length && bands[at] !== bands[at + wide]);
      const shade = border ? mixed(shades[bands[at]], edge, 0.5) : shades[bands[at]];
      image.data.set([...shade, 255], 4 * at);
    }
    const small = document.createElement("canvas");
    Object.assign(small, { width: wide, height: tall });
    small.getContext("2d").putImageData(image, 0, 0);
    context.drawImage(small, PAD, PAD, this.width - 2 * PAD, this.height - 2 * PAD);
    this.drawMinima(context);
  }

  drawMinima(context) {
    context.strokeStyle = colour("ink");
    context.lineWidth = 1.5;
    for (const minimum of this.surface.minima) {
      const [x, y] = this.place(minimum);
      context.beginPath();
      context.moveTo(x - 5, y); context.lineTo(x + 5, y);
      context.moveTo(x, y - 5); context.lineTo(x, y + 5);
      context.stroke();
    }
  }
}

function span(values) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return [low - 0.06 * (high - low), high + 0.08 * (high - low)];
}
