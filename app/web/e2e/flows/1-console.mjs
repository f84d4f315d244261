import { drawsChinese, ok, same, signIn, until } from "../browser.mjs";
import { follower } from "../people.mjs";

export default [
  {
    name: "signing in leads to where one wanted to go, and Chinese is readable",
    async run({ world, open }) {
      const page = await open({ path: "/console/contacts?stage=mql" });
      ok(await drawsChinese(page), "中 is drawn as a box: install fonts-wqy-microhei");
      await page.getByLabel("登录名").waitFor();
      await signIn(page, { login: "anna", password: "not-her-password" });
      await page.getByRole("alert").waitFor();
      await signIn(page, world.people.get("anna"));
      await page.getByRole("heading", { name: "客户", level: 1 }).waitFor();
      ok(page.url().endsWith("/console/contacts?stage=mql"), `landed on ${page.url()}`);
      await page.getByLabel(/打开用户菜单/).click();
      await page.getByRole("button", { name: "退出登录" }).click();
      await page.getByLabel("登录名").waitFor();
      await page.goto(world.url + "/console/contacts");
      await page.getByLabel("登录名").waitFor();
    },
    // The wrong password.
    expect: [/\/session: .*401/],
  },
  {
    name: "the list of customers narrows by what is asked, and by address",
    async run({ world, open }) {
      const id = await follower(world, "oSunLi");
      await world.api(world.people.get("anna"), "PATCH", `/contacts/${id}`, { values: { name: "孙丽" } });
      const page = await open({ as: world.people.get("anna"), path: "/console/contacts" });
      await page.getByRole("link", { name: "孙丽" }).waitFor();
      const search = page.getByRole("searchbox", { name: "搜索客户" });
      await search.fill("查无此人");
      await search.press("Enter");
      await page.getByText("没有符合条件的客户").waitFor();
      ok(page.url().includes("q="), "the search is not in the address");
      await search.fill("孙丽");
      await search.press("Enter");
      await page.getByRole("link", { name: "孙丽" }).waitFor();
      await page.reload();
      await page.getByRole("link", { name: "孙丽" }).click();
      await page.getByRole("heading", { name: /孙丽/ }).waitFor();
    },
  },
  {
    name: "the list of customers begins with the hottest when asked to",
    async run({ world, open }) {
      const anna = world.people.get("anna");
      await follower(world, "oColdFan");
      const hot = await follower(world, "oHotFan");
      await follower(world, "oColderFan");
      await world.api(anna, "PATCH", `/contacts/${hot}`, { values: { name: "热客户" } });
      await world.act("oHotFan", "say", "报价多少");
      await until("it counts", async () => (await world.api(anna, "GET", "/contacts?sort=intent&limit=1")).items[0].name === "热客户");
      const page = await open({ as: anna, path: "/console/contacts" });
      await page.getByRole("columnheader", { name: "意向分" }).click();
      await page.waitForURL(/sort=intent/);
      await page.getByRole("row").nth(1).getByRole("link", { name: "热客户" }).waitFor();
      await page.reload();
      await page.getByRole("row").nth(1).getByRole("link", { name: "热客户" }).waitFor();
      await page.getByRole("columnheader", { name: "意向分" }).click();
      await page.waitForURL((u) => !u.search.includes("sort"));
    },
  },
  {
    name: "what a follower does is in the open 360 within a second",
    async run({ world, open }) {
      const id = await follower(world, "oZhouMin");
      const page = await open({ as: world.people.get("anna"), path: `/console/contacts/${id}` });
      await page.getByText("实时", { exact: true }).waitFor();
      const asked = page.getByText("想要一份报价，谢谢");
      same(await asked.count(), 0, "said before it was said");
      const from = Date.now();
      await world.act("oZhouMin", "say", "想要一份报价，谢谢", { async: true });
      await asked.first().waitFor();
      const took = Date.now() - from;
      ok(took < 1000, `it took ${took} ms`);
      await page.getByText("关键词回复").first().waitFor(); // the journey that answers
    },
  },
  {
    name: "a restarted server: the open 360 reconnects, shows what came meanwhile once, and nothing twice",
    limit: 90_000,
    expect: [/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET|status of 503/],
    async run({ world, open }) {
      const id = await follower(world, "oZhouMin");
      const page = await open({ as: world.people.get("anna"), path: `/console/contacts/${id}` });
      await page.getByText("实时", { exact: true }).waitFor();
      await world.act("oZhouMin", "say", "重启之前");
      await page.getByText("重启之前").first().waitFor();
      await world.kill();
      await page.getByText("重连中").waitFor();
      await world.serve();
      await world.act("oZhouMin", "say", "重启之后");
      await page.getByText("实时", { exact: true }).waitFor({ timeout: 20_000 });
      await page.getByText("重启之后").first().waitFor({ timeout: 20_000 });
      for (const text of ["重启之前", "重启之后"]) same(await page.getByText(text).count(), 1, text);
    },
  },
  {
    name: "a session that ends under a half-filled form is renewed over it, and nothing typed is lost",
    expect: [/status of 401/],
    async run({ world, open }) {
      const user = await world.user("carl", "admin");
      const page = await open({ as: user, path: "/console/contacts" });
      const search = page.getByRole("searchbox", { name: "搜索客户" });
      await search.fill("打到一半的字");
      await world.api(user, "DELETE", "/session");
      await page.getByRole("table").waitFor();
      const intent = page.getByRole("combobox", { name: "按意向分筛选" });
      await intent.press("ArrowDown");
      await page.getByRole("option", { name: "意向 ≥ 70（热）" }).waitFor({ state: "attached" });
      await intent.press("Enter");
      const dialog = page.getByRole("dialog");
      await dialog.getByText("登录已过期").waitFor();
      await dialog.getByLabel("密码", { exact: true }).fill(user.password);
      await dialog.getByRole("button", { name: "登录" }).click();
      await dialog.waitFor({ state: "hidden" });
      same(await search.inputValue(), "打到一半的字", "what was typed");
      ok(page.url().includes("intent=70"), "the filter is gone");
      await page.getByText("没有加载成功").waitFor({ state: "hidden" });
      await page.getByRole("table").waitFor();
    },
  },
  {
    name: "hostile names, tags and messages are shown as the text they are",
    async run({ world, open }) {
      const evil = `<img src=x onerror=alert(1)>"><script>alert(2)</script>{{7*7}}javascript:alert(3)`;
      const anna = world.people.get("anna");
      const id = await follower(world, "oQianJin");
      await world.act("oQianJin", "say", evil);
      await world.act("wmHostile", "add_staff", "zhangwei");
      await world.api(anna, "PATCH", `/contacts/${id}`, { values: { name: evil.slice(0, 60), company: evil.slice(0, 60) } });
      const page = await open({ as: anna, path: "/console/contacts" });
      await page.getByText(evil.slice(0, 40)).first().waitFor();
      await page.getByText(evil.slice(0, 40)).first().screenshot();
      await page.goto(`${world.url}/console/contacts/${id}`);
      await page.getByRole("heading", { level: 1 }).getByText(evil.slice(0, 40)).waitFor();
      await page.getByText(evil.slice(0, 40)).nth(1).waitFor();
      same(await page.locator('img[src="x"]').count(), 0, "an image was made of a name");
    },
  },
];
