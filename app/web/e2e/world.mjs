// The program under test: the real binary with a data directory of its own, and the platform simulator
// beside it. Everything is on loopback, on ports that were free, and ends with the flows.
import { spawn } from "node:child_process";
import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "./browser.mjs";

const people = new URL("./world.yaml", import.meta.url).pathname;

export class World {
  #children = new Map();

  constructor(program) {
    this.program = program;
    this.people = new Map();
  }

  async start(kind) {
    this.dir = await mkdtemp(join(tmpdir(), "koi-e2e-"));
    if (kind === "demo") return this.#startDemo();
    const [koi, platforms] = [await freePort(), await freePort()];
    this.url = `http://127.0.0.1:${koi}`;
    this.platforms = `http://127.0.0.1:${platforms}`;
    this.config = join(this.dir, "koi.yaml");
    const listen = `127.0.0.1:${platforms}`;
    const printed = await this.command("simulate", "--world", people, "--listen", listen, "--print-koi-config");
    await writeFile(this.config, `${printed}\nlisten: 127.0.0.1:${koi}\npublic_url: ${this.url}\ndata_dir: ${this.dir}/data\n`);
    this.#spawn("simulator", "simulate", "--world", people, "--listen", listen, "--callback", this.url);
    await this.#answers(`${this.platforms}/sim/stats`);
    await this.serve();
    for (const [login, role, staff] of [["anna", "admin"], ["ben", "marketer"], ["zhangwei", "sales", "ww00000000koidemo/zhangwei"]]) await this.user(login, role, staff);
  }

  async #startDemo() {
    const port = await freePort();
    this.url = `http://127.0.0.1:${port}`;
    this.#spawn("demo", "demo", "--listen", `127.0.0.1:${port}`, "--data-dir", join(this.dir, "demo"));
    await this.#answers(`${this.url}/demo`, 120_000);
  }

  /** Starts the server, or starts it again. */
  async serve() {
    this.#spawn("koi", "serve", "--config", this.config);
    await this.#answers(`${this.url}/readyz`);
  }

  /** Ends the server without a word, as a power cut does. */
  async kill() {
    const child = this.#children.get("koi");
    const gone = new Promise((r) => child.once("exit", r));
    child.kill("SIGKILL");
    await gone;
  }

  /** Runs koi with these arguments to its end and returns what it printed. */
  async command(...args) {
    return this.#run(args, "");
  }

  async #run(args, stdin) {
    const child = spawn(this.program, args, { stdio: ["pipe", "pipe", "pipe"] });
    let out = "";
    let err = "";
    child.stdout.on("data", (b) => (out += b));
    child.stderr.on("data", (b) => (err += b));
    child.stdin.end(stdin);
    const code = await new Promise((r) => child.once("close", r));
    if (code !== 0) throw new Error(`koi ${args.join(" ")} ended with ${code}: ${err}`);
    return out;
  }

  /** Adds a user through the server's socket, signs them in and remembers them by their login. */
  async user(login, role, staff) {
    const password = "correct-horse-battery";
    await this.#run(["user", "add", login, "--role", role, "--password-stdin", "--config", this.config, ...(staff ? ["--staff", staff] : [])], password + "\n");
    const user = { login, password };
    this.people.set(login, user);
    return this.session(user);
  }

  /** A session of a user made here: { cookie, csrf, get, post, … }. */
  async session(user = this.people.get("anna")) {
    const r = await fetch(`${this.url}/api/v1/session`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ login: user.login, password: user.password }) });
    const me = await r.json();
    if (!r.ok) throw new Error(`signing in as ${user.login}: ${r.status} ${JSON.stringify(me)}`);
    user.cookie = /koi_session=([^;]+)/.exec(r.headers.get("set-cookie"))[1];
    user.csrf = me.csrf_token;
    return user;
  }

  /** Calls the API as a user and returns what it answered; anything but success throws. */
  async api(user, method, path, body, headers = {}) {
    const r = await fetch(`${this.url}/api/v1${path}`, {
      method,
      headers: { Cookie: `koi_session=${user.cookie}`, "X-CSRF-Token": user.csrf, ...(body === undefined ? {} : { "Content-Type": "application/json" }), ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await r.text();
    if (!r.ok) throw new Error(`${method} ${path}: ${r.status} ${text}`);
    return text ? JSON.parse(text) : undefined;
  }

  /** Has somebody do something on their simulated phone; returns when Koi has taken the callbacks. */
  async act(who, what, more = "", rest = {}) {
    const r = await fetch(`${this.platforms}/sim/act`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ who, do: what, with: more, ...rest }) });
    const played = await r.json();
    if (!r.ok) throw new Error(`${who} ${what} ${more}: ${JSON.stringify(played)}`);
    return played;
  }

  #spawn(name, ...args) {
    // Where webhooks may lead is the operator's to widen: here to receivers of the flows.
    const child = spawn(this.program, args, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, KOI_CHANNELS_WEBHOOK_ALLOW_0: "127.0.0.1" } });
    const file = join(this.dir, `${name}.log`);
    for (const s of [child.stdout, child.stderr]) s.on("data", (b) => void appendFile(file, b).catch(() => {}));
    this.#children.set(name, child);
  }

  async #answers(url, ms = 30_000) {
    try {
      await until(`${url} answers`, () => fetch(url).then((r) => r.ok, () => false), ms);
    } catch (e) {
      throw new Error(`${e.message}\n${await this.log()}`);
    }
  }

  /** What the programs said. */
  async log() {
    let text = "";
    for (const name of this.#children.keys()) text += `== ${name}\n${await readFile(join(this.dir, `${name}.log`), "utf8").catch(() => "")}`;
    return text;
  }

  async stop(keep) {
    for (const child of this.#children.values()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = new Promise((r) => child.once("exit", r));
      child.kill("SIGTERM");
      const slow = setTimeout(() => child.kill("SIGKILL"), 15_000);
      await gone;
      clearTimeout(slow);
    }
    if (keep) console.log(`kept ${this.dir}`);
    else await rm(this.dir, { recursive: true, force: true });
  }
}

async function freePort() {
  const s = createServer();
  await new Promise((r) => s.listen(0, "127.0.0.1", r));
  const { port } = s.address();
  await new Promise((r) => s.close(r));
  return port;
}
