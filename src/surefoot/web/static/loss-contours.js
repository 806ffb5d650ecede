// The surface as a picture: a loss curve in one dimension, filled contours in two. Drawn once, then copied per frame.
import { colour, mixColours, prepareCanvas, rgbOf } from "./drawing.js";

const PADDING = 14; // CSS pixels
const LEVELS = 16;

export class LossContours {
  constructor(surface, canvas) {
    const { width, height, scale } = prepareCanvas(canvas);
    Object.assign(this, { surface, width, height });
    const [x, y] = surface.dimensions === 1 ? [surface.box[0], paddedRange(surface.values)] : surface.box;
    Object.assign(this, { x, y });
    this.picture = document.createElement("canvas");
    Object.assign(this.picture, { width: canvas.width, height: canvas.height });
    const context = this.picture.getContext("2d");
    context.setTransform(scale, 0, 0, scale, 0, 0);
    if (surface.dimensions === 1) this.drawCurve(context);
    else this.drawContours(context);
  }

  toX(x) { return PADDING + ((x - this.x[0]) / (this.x[1] - this.x[0])) * (this.width - 2 * PADDING); }
  toY(y) { return this.height - PADDING - ((y - this.y[0]) / (this.y[1] - this.y[0])) * (this.height - 2 * PADDING); }
  fromX(x) { return this.x[0] + ((x - PADDING) / (this.width - 2 * PADDING)) * (this.x[1] - this.x[0]); }
  fromY(y) { return this.y[0] + ((this.height - PADDING - y) / (this.height - 2 * PADDING)) * (this.y[1] - this.y[0]); }

  // Returns canvas coordinates of a position; in one dimension the height is the loss.
  toCanvas(position) {
    const [x, y] = this.surface.dimensions === 1 ? [position[0], this.lossAt(position[0])] : position;
    return [this.toX(x), this.toY(y)];
  }

  lossAt(x) {
    const values = this.surface.values;
    const index = Math.min(Math.max(((x - this.x[0]) / (this.x[1] - this.x[0])) * (values.length - 1), 0), values.length - 1);
    const low = Math.min(Math.floor(index), values.length - 2);
    return values[low] + (values[low + 1] - values[low]) * (index - low);
  }

  drawCurve(context) {
    const { values } = this.surface;
    const step = (this.x[1] - this.x[0]) / (values.length - 1);
    context.beginPath();
    values.forEach((value, i) => context.lineTo(this.toX(this.x[0] + i * step), this.toY(value)));
    context.strokeStyle = colour("ink");
    context.lineWidth = 2;
    context.stroke();
    context.lineTo(this.width - PADDING, this.height);
    context.lineTo(PADDING, this.height);
    context.fillStyle = colour("outside");
    context.fill();
    this.drawMinima(context);
  }

  drawContours(context) {
    const [columns, rows] = this.surface.counts;
    const [low, high] = [rgbOf(colour("low")), rgbOf(colour("high"))];
    const logLosses = this.surface.values.map((value) => Math.log1p(value - this.surface.lowest));
    const maxLogLoss = Math.max(...logLosses);
    const imageWidth = Math.round(this.width - 2 * PADDING);
    const imageHeight = Math.round(this.height - 2 * PADDING);
    const image = new ImageData(imageWidth, imageHeight);
    const levels = new Uint8Array(imageWidth * imageHeight);
    for (let j = 0; j < imageHeight; j++) {
      const v = (1 - j / (imageHeight - 1)) * (rows - 1);
      const row = Math.min(Math.floor(v), rows - 2);
      for (let i = 0; i < imageWidth; i++) {
        const u = (i / (imageWidth - 1)) * (columns - 1);
        const column = Math.min(Math.floor(u), columns - 2);
        const index = row * columns + column;
        const [a, b] = [u - column, v - row];
        const below = logLosses[index] * (1 - a) + logLosses[index + 1] * a;
        const above = logLosses[index + columns] * (1 - a) + logLosses[index + columns + 1] * a;
        levels[j * imageWidth + i] = Math.min(((below * (1 - b) + above * b) / maxLogLoss) * LEVELS, LEVELS - 1);
      }
    }
    const shades = Array.from({ length: LEVELS }, (_, level) => mixColours(low, high, level / (LEVELS - 1)));
    const edge = rgbOf(colour("edge"));
    for (let index = 0; index < levels.length; index++) {
      const border = levels[index] !== levels[index + 1] && (index + 1) % imageWidth !== 0 || (index + imageWidth < levels.length && levels[index] !== levels[index + imageWidth]);
      const shade = border ? mixColours(shades[levels[index]], edge, 0.5) : shades[levels[index]];
      image.data.set([...shade, 255], 4 * index);
    }
    const imageCanvas = document.createElement("canvas");
    Object.assign(imageCanvas, { width: imageWidth, height: imageHeight });
    imageCanvas.getContext("2d").putImageData(image, 0, 0);
    context.drawImage(imageCanvas, PADDING, PADDING, this.width - 2 * PADDING, this.height - 2 * PADDING);
    this.drawMinima(context);
  }

  drawMinima(context) {
    context.strokeStyle = colour("ink");
    context.lineWidth = 1.5;
    for (const minimum of this.surface.minima) {
      const [x, y] = this.toCanvas(minimum);
      context.beginPath();
      context.moveTo(x - 5, y); context.lineTo(x + 5, y);
      context.moveTo(x, y - 5); context.lineTo(x, y + 5);
      context.stroke();
    }
  }
}

function paddedRange(values) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return [low - 0.06 * (high - low), high + 0.08 * (high - low)];
}
