import { drawsChinese, ok, same, until } from "../browser.mjs";
import { publish } from "../people.mjs";

const evil = `<img src=x onerror=alert(1)>"'><script>alert(2)</script>`;

async function fill(page, who) {
  await page.getByLabel(/怎么称呼您/).fill(who.name);
  await page.locator("input[type=tel]").fill(who.phone);
  await page.getByLabel(/公司名称/).fill(who.company);
  await page.locator("input[name=c_privacy]").check();
  await page.getByRole("button", { name: "领取白皮书" }).click();
}

export default [
  {
    name: "a page's form works on a phone without scripts, says what is wrong, and makes a customer",
    expect: [/submit: .*422/],
    async run({ world, open }) {
      await publish(world, "white-paper");
      const page = await open({ js: false, phone: true, path: "/p/white-paper" });
      await page.getByRole("heading", { name: "B2B 企业客户增长白皮书" }).first().waitFor();
      const wide = await page.locator("html").evaluate((e) => e.scrollWidth - e.clientWidth).catch(() => 0);
      ok(wide <= 0, `the page is ${wide} px wider than the phone`);
      await fill(page, { name: "何静", phone: "12345", company: "静水科技" });
      await page.getByText(/手机号/).first().waitFor();
      same(await page.getByLabel(/怎么称呼您/).inputValue(), "何静", "what was typed");
      await fill(page, { name: "何静", phone: "13911112222", company: "静水科技" });
      await page.getByText("提交成功，白皮书准备好了。").waitFor();
      const anna = world.people.get("anna");
      await until("何静 is a customer", async () => (await world.api(anna, "GET", `/contacts?q=${encodeURIComponent("何静")}`)).items.length === 1);
    },
  },
  {
    name: "a link goes from an employee to A, B and C, and the chain shows all three",
    async run({ world, open }) {
      await publish(world, "white-paper");
      const anna = world.people.get("anna");
      const link = await world.api(anna, "POST", "/shares", { page: "white-paper", staff: "zhangwei" });
      let address = link.url;
      const seen = new Set([address]);
      for (const who of ["A", "B", "C"]) {
        const page = await open({ phone: true, path: address });
        await page.getByRole("heading", { level: 1 }).waitFor();
        await page.waitForLoadState("load");
        address = page.url();
        ok(!seen.has(address), `${who} got somebody else's link`);
        seen.add(address);
      }
      const depth = (n) => 1 + Math.max(0, ...(n.children ?? []).map(depth));
      await until("the chain is three levels deep", async () => {
        const chain = await world.api(anna, "GET", `/shares/${link.token}`);
        return depth(chain.tree ?? chain) >= 4;
      });
    },
  },
  {
    name: "whatever stands in a page's blocks is shown as text, and a script for an address is refused",
    async run({ world, open }) {
      await publish(world, "white-paper", (body) => ({
        ...body,
        title: `白皮书 ${evil}`,
        blocks: body.blocks.map((b) => (b.type === "hero" ? { ...b, props: { ...b.props, title: `白皮书 ${evil}`, text: evil } } : b)),
      }));
      const page = await open({ phone: true, path: "/p/white-paper" });
      await page.getByRole("heading", { level: 1 }).getByText(evil).waitFor();
      same(await page.locator('img[src="x"]').count(), 0, "an image was made of a text");
      let refused = "";
      await publish(world, "white-paper", (body) => ({
        ...body,
        blocks: body.blocks.map((b) => (b.type === "hero" ? { ...b, props: { ...b.props, button: { label: "点我", url: "javascript:alert(1)" } } } : b)),
      })).catch((e) => (refused = e.message));
      ok(/ 422 /.test(refused), `javascript: was taken: ${refused}`);
      await publish(world, "white-paper", (body) => ({ ...body, title: "白皮书", blocks: body.blocks.map((b) => (b.type === "hero" ? { ...b, props: { ...b.props, title: "B2B 企业客户增长白皮书", text: "12 个真实案例" } } : b)) }));
    },
  },
  {
    name: "on a slow phone a page is painted within a second, and weighs what it may",
    async run({ world, open }) {
      await publish(world, "white-paper");
      const first = [];
      for (let i = 0; i < 3; i++) {
        const page = await open({ phone: true });
        const cdp = await page.context().newCDPSession(page);
        await cdp.send("Network.emulateNetworkConditions", { offline: false, latency: 150, downloadThroughput: 1.6e6 / 8, uploadThroughput: 750e3 / 8 });
        await cdp.send("Emulation.setCPUThrottlingRate", { rate: 4 });
        await page.goto(world.url + "/p/white-paper");
        const paint = await page.evaluate(
          () =>
            new Promise((done) => {
              const found = () => performance.getEntriesByName("first-contentful-paint")[0]?.startTime;
              if (found()) done(found());
              else new PerformanceObserver(() => found() && done(found())).observe({ type: "paint", buffered: true });
            }),
        );
        first.push(Math.round(paint));
        if (i === 0) ok(await drawsChinese(page), "中 is drawn as a box");
      }
      ok(Math.min(...first) < 1000, `first paint after ${first.join(", ")} ms`);
      const size = async (path) => (await fetch(world.url + path, { headers: { "User-Agent": "curl/8" } })).text().then(async (t) => (await import("node:zlib")).gzipSync(t).length / 1024);
      const [html, tracker] = [await size("/p/white-paper"), await size("/t.js")];
      ok(html <= 14, `the page is ${html.toFixed(1)} KB gz`);
      ok(tracker <= 5, `the tracker is ${tracker.toFixed(1)} KB gz`);
    },
  },
];
