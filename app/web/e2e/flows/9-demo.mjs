import { ok, same, until } from "../browser.mjs";

export const world = "demo";

export default [
  {
    name: "every card of the demo is played to its end, and kill -9 loses nothing and doubles nothing",
    limit: 420_000,
    // The killed process, and a console whose session begins as the role does.
    expect: [/ERR_CONNECTION|ERR_INCOMPLETE_CHUNKED|ERR_EMPTY_RESPONSE|ERR_HTTP|status of (401|502|503)/],
    async run({ open }) {
      const page = await open({ path: "/demo", size: { width: 1600, height: 900 } });
      const cards = page.locator("details.card");
      await cards.first().waitFor({ timeout: 180_000 }); // once 90 days have been poured
      await page.locator("#veil").waitFor({ state: "hidden" });
      ok((await cards.count()) >= 4, `only ${await cards.count()} cards`);
      for (let i = 0; i < (await cards.count()); i++) {
        const card = cards.nth(i);
        const title = await card.locator("summary").innerText();
        if ((await card.getAttribute("open")) === null) await card.locator("summary").click();
        const steps = card.locator("li");
        for (let j = 0; j < (await steps.count()); j++) {
          const step = steps.nth(j);
          const name = await step.locator(".t").innerText();
          await until(`${title.trim()}: ${name} can be played`, () => step.locator("button").isEnabled());
          await step.locator("button").click();
          await until(`${title.trim()}: ${name} is done`, async () => /\bdone\b/.test((await step.getAttribute("class")) ?? ""), 90_000);
        }
        ok(/\ball\b/.test(await card.getAttribute("class")), `${title} is not ticked`);
      }
      const count = (what) => page.locator(".drill .nums > div").filter({ hasText: what }).locator("b").first().innerText();
      same(await count("丢失"), "0", "lost");
      same(await count("重复"), "0", "doubled");
      const console_ = page.frameLocator("#console");
      await console_.getByRole("navigation", { name: "主菜单" }).waitFor();
    },
  },
];
