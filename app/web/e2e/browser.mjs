// Chromium as flows use it: pages that remember every complaint, and pictures of what went wrong.
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { chromium } from "playwright-core";

const program = process.env.KOI_TEST_CHROMIUM || "/usr/bin/chromium";

export class Browser {
  static async launch() {
    if (!existsSync(program)) throw new Error(`there is no ${program}: install Debian's chromium, or name one in KOI_TEST_CHROMIUM`);
    const b = new Browser();
    b.chromium = await chromium.launch({ executablePath: program, args: ["--no-sandbox", "--disable-dev-shm-usage", "--force-color-profile=srgb"] });
    return b;
  }

  pages(world) {
    return new Pages(this.chromium, world);
  }

  async close() {
    await this.chromium.close();
  }
}

const desktop = { viewport: { width: 1440, height: 900 } };
const phone = {
  viewport: { width: 375, height: 740 },
  deviceScaleFactor: 2,
  isMobile: true,
  hasTouch: true,
  userAgent: "Mozilla/5.0 (Linux; Android 12; Phone) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/126.0.0.0 Mobile Safari/537.36",
};

/** The pages of one flow. */
class Pages {
  #all = [];
  #complaints = [];
  #expected = [];
  #own = /^\/favicon\.ico: /; // Chromium asks for it unasked
  /** What a visitor without a session is told, before they sign in. */
  #anonymous = /\/api\/v1\/me: Failed to load resource: the server responded with a status of 401/;

  constructor(chromium, world) {
    this.chromium = chromium;
    this.world = world;
  }

  /**
   * A page of a visitor of its own. as: whose session it has (see World.user), js: false for a browser
   * without scripts, phone: true for a telephone.
   */
  async open({ as, js = true, phone: mobile = false, size, path } = {}) {
    const context = await this.chromium.newContext({ ...(mobile ? phone : desktop), ...(size ? { viewport: size } : {}), javaScriptEnabled: js, locale: "zh-CN", timezoneId: "Asia/Shanghai", reducedMotion: "reduce" });
    if (as) await context.addCookies([{ name: "koi_session", value: as.cookie, url: this.world.url }]);
    context.on("page", (p) => this.#watch(p));
    const page = await context.newPage();
    page.setDefaultTimeout(10_000);
    if (path) await page.goto(path.startsWith("http") ? path : this.world.url + path);
    return page;
  }

  #watch(page) {
    this.#all.push(page);
    const note = (text) => this.#complaints.push(text);
    page.on("console", (m) => m.type() === "error" && note(`${m.location().url ? new URL(m.location().url, "http://x").pathname + ": " : ""}${m.text()}`));
    page.on("pageerror", (e) => note(`uncaught: ${e.message}`));
    page.on("dialog", (d) => {
      note(`dialog: ${d.message()}`);
      void d.dismiss().catch(() => {});
    });
  }

  /** Announces a complaint that belongs to the flow. */
  expect(pattern) {
    this.#expected.push(pattern);
  }

  get complaints() {
    return this.#complaints.filter((c) => ![this.#own, this.#anonymous, ...this.#expected].some((p) => p.test(c)));
  }

  /** Fails when the browser complained of anything. */
  check() {
    if (this.complaints.length > 0) throw new Error(`the browser complained:\n${this.complaints.join("\n")}`);
  }

  async leave(name) {
    await writeFile(`${name}.console.log`, this.#complaints.join("\n") + "\n");
    for (const [i, p] of this.#all.entries()) {
      if (p.isClosed()) continue;
      await p.screenshot({ path: `${name}.${i}.png` });
      await writeFile(`${name}.${i}.html`, await p.content());
    }
  }

  async close() {
    for (const c of new Set(this.#all.map((p) => p.context()))) await c.close();
  }
}

/** Waits until check() is true. */
export async function until(what, check, ms = 10_000) {
  const end = Date.now() + ms;
  for (;;) {
    const got = await check();
    if (got) return got;
    if (Date.now() > end) throw new Error(`not within ${ms / 1000} s: ${what}`);
    await new Promise((r) => setTimeout(r, 50));
  }
}

/** KOI_TEST_SHOTS=folder keeps pictures of screens, to be looked at. */
export async function picture(page, name) {
  const folder = process.env.KOI_TEST_SHOTS;
  if (!folder) return;
  await mkdir(folder, { recursive: true });
  await page.screenshot({ path: `${folder}/${name}.png` });
}

export function ok(value, message) {
  if (!value) throw new Error(message);
}

export function same(got, want, message) {
  if (got !== want) throw new Error(`${message}: got ${JSON.stringify(got)}, want ${JSON.stringify(want)}`);
}

/** Signs in on the open sign-in page, as somebody does. */
export async function signIn(page, user) {
  await page.getByLabel("登录名").fill(user.login);
  await page.getByLabel("密码", { exact: true }).fill(user.password);
  await page.getByRole("button", { name: "登录" }).click();
}

/** Whether text is drawn with a font that has it: a missing 中 is the same box as any other missing sign. */
export async function drawsChinese(page) {
  return page.evaluate(() => {
    const draw = (text) => {
      const c = document.createElement("canvas");
      c.width = c.height = 40;
      const x = c.getContext("2d");
      x.font = `32px ${getComputedStyle(document.body).fontFamily}`;
      x.fillText(text, 2, 32);
      return x.getImageData(0, 0, 40, 40).data.join();
    };
    const [zhong, guo, none] = [draw("中"), draw("国"), draw("\u{10FFFE}")];
    return zhong !== guo && zhong !== none;
  });
}
