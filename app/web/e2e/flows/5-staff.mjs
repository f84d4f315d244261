import { ok, same, until } from "../browser.mjs";
import { publish } from "../people.mjs";

export default [
  {
    name: "a salesperson signs in on a phone, finds a lead with its evidence, and opens it",
    async run({ world, open }) {
      const anna = world.people.get("anna");
      await world.act("wmZhouMin", "add_staff", "zhangwei").catch((e) => {
        if (!/已经/.test(e.message)) throw e;
      });
      const id = await until("Koi knows 周敏", async () => {
        const q = new URLSearchParams({ kind: "external_userid", scope: "ww00000000koidemo", value: "wmZhouMin" });
        return (await world.api(anna, "GET", `/identities?${q}`)).items[0]?.contact_id;
      });
      await world.api(anna, "PATCH", `/contacts/${id}`, { values: { company: "敏行科技" }, stage: "mql", reason: "电话里确认了需求" });
      const page = await open({ phone: true, path: "/staff/" });
      const user = world.people.get("zhangwei");
      await page.getByLabel("登录名").fill(user.login);
      await page.getByLabel("密码", { exact: true }).fill(user.password);
      await page.getByRole("button", { name: /用密码登录|^登录$/ }).click();
      const lead = page.getByRole("link", { name: /周敏，意向/ });
      await lead.waitFor();
      await lead.getByRole("list", { name: "为什么热" }).waitFor();
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      ok(wide <= 0, `the list is ${wide} px wider than the phone`);
      await lead.click();
      await page.getByText("敏行科技").first().waitFor();
    },
  },
  {
    name: "an employee shares a page from the phone, and sees who opened it",
    async run({ world, open }) {
      await publish(world, "white-paper");
      const user = await world.session(world.people.get("zhangwei"));
      const page = await open({ as: user, phone: true, path: "/staff/shares" });
      const card = page.getByRole("article").filter({ hasText: "白皮书" }).first();
      await card.waitFor();
      await card.getByRole("button", { name: "海报" }).click();
      const sheet = page.getByRole("dialog", { name: "我的海报" });
      await sheet.getByRole("img").waitFor();
      ok(await sheet.getByRole("img").evaluate((i) => i.naturalWidth > 300), "the poster is empty");
      const link = await world.api(user, "POST", "/my/shares", { page: "white-paper" });
      const visitor = await open({ phone: true, path: link.url });
      await visitor.getByRole("heading", { level: 1 }).waitFor();
      await page.goto(world.url + "/staff/visitors");
      await page.getByText(/打开《/).first().waitFor();
      same(await page.getByText("还没有访客").count(), 0, "visitors");

      // What is said by a toast is said, and leaving asks first.
      await page.goto(world.url + "/staff/shares");
      await page.getByRole("button", { name: "复制链接" }).first().click();
      await page.getByText(/已复制|没有复制成功/).waitFor();
      await page.goto(world.url + "/staff/me");
      await page.getByRole("button", { name: "退出登录" }).click();
      await page.getByText("退出登录？").waitFor();
      await page.getByText("退出", { exact: true }).click();
      await page.getByRole("button", { name: /登录/ }).first().waitFor();
    },
  },
];
