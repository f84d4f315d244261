import { drawsChinese, ok, picture, same } from "../browser.mjs";

export default [
  {
    name: "every place of the menu opens at 1280 px, is named, fits, and can be reached by keyboard",
    limit: 180_000,
    async run({ world, pages, open }) {
      const page = await open({ as: world.people.get("anna"), path: "/console/", size: { width: 1280, height: 800 } });
      const menu = page.getByRole("navigation", { name: "主菜单" });
      await menu.waitFor();
      const places = await menu.getByRole("link").evaluateAll((links) => links.map((a) => a.getAttribute("href")));
      ok(places.length > 2, `only ${places.length} places`);
      for (const place of new Set(places)) {
        await page.goto(world.url + place);
        const main = page.getByRole("main");
        await main.waitFor();
        await page.getByRole("heading", { level: 1 }).waitFor();
        ok((await page.getByText("没有这个页面").count()) === 0, `${place} is in the menu and opens nothing`);
        await page.waitForLoadState("load");
        await page.locator('[aria-busy="true"], .ant-skeleton, .wait').first().waitFor({ state: "detached" });
        same(await page.getByText("没有加载成功").count(), 0, `${place}: something was not loaded`);
        ok((await page.title()).includes("Koi"), `${place} has the title ${await page.title()}`);
        const wide = await page.evaluate(() => document.querySelector(".content").scrollWidth - document.querySelector(".content").clientWidth);
        ok(wide <= 0, `${place} is ${wide} px wider than a 1280 px screen`);
        const cut = await page.evaluate(() => [...document.querySelectorAll(".ant-table-content, .ant-table-body")].filter((e) => e.scrollWidth > e.clientWidth).length);
        same(cut, 0, `${place} hides columns on a 1280 px screen`);
        const small = await smallText(page);
        ok(small.length === 0, `${place} has text below 12 px: ${small.join(" | ")}`);
        const nameless = await namelessControls(page);
        ok(nameless.length === 0, `${place} has controls without a name: ${nameless.join(" ")}`);
        await picture(page, place.replace(/^\/console\/?/, "").replaceAll("/", "-") || "home");
      }
      ok(await drawsChinese(page), "中 is drawn as a box");
      pages.check();

      // By keyboard: the first stop skips the menu, and a place of the menu opens by Enter.
      await page.goto(world.url + "/console/contacts");
      await page.getByRole("heading", { level: 1 }).waitFor();
      await page.keyboard.press("Tab");
      same(await page.evaluate(() => document.activeElement.textContent.trim()), "跳到正文", "the first stop");
      await page.keyboard.press("Tab");
      await page.keyboard.press("Tab");
      same(await page.evaluate(() => document.activeElement.textContent.trim()), "工作台", "the third stop");
      const ring = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
      ok(ring !== "none", "what has the focus is not to be seen");
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { name: "工作台", level: 1 }).waitFor();
    },
  },
  {
    name: "a role sees only its places, and a screen it may not open says so",
    expect: [/status of 40[34]/],
    async run({ world, open }) {
      const page = await open({ as: world.people.get("zhangwei"), path: "/console/contacts" });
      await page.getByRole("heading", { name: "客户", level: 1 }).waitFor();
      same(await page.getByRole("navigation", { name: "主菜单" }).getByRole("link", { name: "死信" }).count(), 0, "dead letters in the menu of sales");
      await page.goto(world.url + "/console/nowhere");
      await page.getByText("没有这个页面").waitFor();
      await page.goto(world.url + "/console/contacts/987654321");
      await page.getByText("没有找到").waitFor();
    },
  },
];

/** Texts somebody has to read that are set too small. */
function smallText(page) {
  return page.evaluate(() => {
    const found = new Set();
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let n = walk.nextNode(); n; n = walk.nextNode()) {
      const e = n.parentElement;
      if (!n.textContent.trim() || !e.checkVisibility() || e.closest("canvas, svg, script, style, [aria-hidden=true]")) continue;
      if (parseFloat(getComputedStyle(e).fontSize) < 12) found.add(n.textContent.trim().slice(0, 20));
    }
    return [...found].slice(0, 5);
  });
}

/** Buttons, links and fields that a screen reader could not name. */
function namelessControls(page) {
  return page.evaluate(() => {
    const named = (e) =>
      e.getAttribute("aria-label") || e.getAttribute("title") || e.getAttribute("placeholder") || e.textContent.trim() || e.labels?.length || e.getAttribute("aria-labelledby") || e.querySelector("[aria-label], [title], img[alt]");
    return [...document.querySelectorAll("button, a[href], input:not([type=hidden]), select, textarea, [role=button], [role=combobox]")]
      .filter((e) => e.checkVisibility() && !e.closest("[aria-hidden=true]") && !named(e))
      .map((e) => e.outerHTML.slice(0, 120))
      .slice(0, 5);
  });
}
