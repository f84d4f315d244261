import { encode } from "uqr";
import { wrap } from "../../words";

const W = 750;
const H = 1180;
const font = '-apple-system, BlinkMacSystemFont, "PingFang SC", "Microsoft YaHei", "WenQuanYi Micro Hei", sans-serif';

/**
 * Draws a poster as a JPEG. It is made on the phone, which has the fonts; pictures of other sites are left
 * out, since a canvas that holds one cannot be read.
 */
export function draw(p: { title: string; text?: string; who: string; url: string }): string {
  const canvas = document.createElement("canvas");
  canvas.width = W;
  canvas.height = H;
  const c = canvas.getContext("2d");
  if (!c) return "";
  const sky = c.createLinearGradient(0, 0, W, H);
  sky.addColorStop(0, "#1f5fd6");
  sky.addColorStop(1, "#14387f");
  c.fillStyle = sky;
  c.fillRect(0, 0, W, H);
  c.fillStyle = "#ffffff14";
  for (const [x, y, r] of [
    [680, 90, 220],
    [40, 640, 160],
  ] as const) {
    c.beginPath();
    c.arc(x, y, r, 0, 7);
    c.fill();
  }
  const text = (s: string, x: number, y: number, size: number, weight: number, color: string) => {
    c.font = `${weight} ${size}px ${font}`;
    c.fillStyle = color;
    c.fillText(s, x, y);
  };
  const measure = (size: number, weight: number) => (s: string) => {
    c.font = `${weight} ${size}px ${font}`;
    return c.measureText(s).width;
  };
  // What is said stands in the middle of the upper part, however much it is.
  // The largest size that leaves no character or two alone on a line.
  const big = [72, 66, 60, 54].find((n) => [...(wrap(p.title, W - 128, measure(n, 700), 9).at(-1) ?? "")].length > 3) ?? 60;
  const title = wrap(p.title, W - 128, measure(big, 700), 5);
  const about = wrap(p.text ?? "", W - 128, measure(34, 400), 4);
  let y = (H - 360 - title.length * big * 1.4 - about.length * 54) / 2 + big;
  for (const line of title) {
    text(line, 64, y, big, 700, "#fff");
    y += big * 1.4;
  }
  for (const line of about) {
    text(line, 64, y, 34, 400, "#ffffffd9");
    y += 54;
  }
  // Below: who invites, and the code.
  const top = H - 360;
  c.fillStyle = "#fff";
  c.beginPath();
  c.roundRect(40, top, W - 80, 320, 24);
  c.fill();
  const name = wrap(p.who || "我", 330, measure(44, 700), 1)[0] ?? "";
  text(name, 80, top + 116, 44, 700, "#1d2433");
  text("邀请您看看", 80, top + 170, 30, 400, "#667085");
  text("长按识别二维码", 80, top + 254, 28, 400, "#1f5fd6");
  const qr = encode(p.url, { ecc: "M", border: 0 });
  const size = 244;
  const cell = size / qr.size;
  const left = W - 80 - size;
  c.fillStyle = "#1d2433";
  qr.data.forEach((row, i) =>
    row.forEach((on, j) => {
      // Whole pixels, without gaps between the cells.
      if (on) c.fillRect(Math.floor(left + j * cell), Math.floor(top + 38 + i * cell), Math.ceil(cell), Math.ceil(cell));
    }),
  );
  return canvas.toDataURL("image/jpeg", 0.92);
}
