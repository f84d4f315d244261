import { ok, picture, same, until } from "../browser.mjs";
import { follower } from "../people.mjs";

const evil = `<img src=x onerror=alert(1)>"><script>alert(2)</script>`;

export default [
  {
    name: "a journey is read as a graph with its live numbers",
    async run({ world, open }) {
      await follower(world, "oZhouMin");
      const page = await open({ as: world.people.get("ben"), path: "/console/journeys" });
      await page.getByRole("link", { name: "关注欢迎" }).click();
      await page.getByRole("heading", { level: 1, name: /关注欢迎/ }).waitFor();
      const nodes = page.locator(".react-flow__node");
      await until("the graph has its steps", async () => (await nodes.count()) >= 3);
      const entered = page.getByRole("main").locator(".num").first();
      const before = Number((await entered.innerText()).replaceAll(",", ""));
      ok(before >= 1, `${before} people entered`);
      await page.getByText("实时", { exact: true }).waitFor();
      await follower(world, "oNewcomer" + Date.now());
      await until("one more entered, unasked", async () => Number((await entered.innerText()).replaceAll(",", "")) > before);
    },
  },
  {
    name: "a suppressed message says why, and what people are called stays text",
    async run({ world, open }) {
      const anna = world.people.get("anna");
      const openid = "oLeaver" + Date.now();
      const id = await follower(world, openid);
      await world.api(anna, "PATCH", `/contacts/${id}`, { values: { name: evil } });
      await world.act(openid, "unfollow");
      const reply = (await world.api(anna, "GET", "/journeys?limit=50")).items.find((j) => j.name === "关键词回复");
      await world.api(anna, "POST", `/journeys/${reply.id}/runs`, { contact_id: id });
      const page = await open({ as: anna, path: "/console/messages?state=suppressed" });
      const row = page.getByRole("row").filter({ hasText: evil });
      await row.first().waitFor();
      await row.first().getByText(/取消关注|取关|没有关注|未关注/).first().waitFor();
      await row.first().click();
      await page.getByRole("dialog").getByText(/取消关注|取关|没有关注|未关注/).first().waitFor();
      same(await page.locator('img[src="x"]').count(), 0, "an image was made of a name");
    },
  },
  {
    name: "consent given on paper is recorded with where it was given",
    async run({ world, open }) {
      const id = await follower(world, "oSigner" + Date.now());
      const page = await open({ as: world.people.get("ben"), path: `/console/contacts/${id}` });
      await page.getByText("还没有表示过同意或退订").waitFor();
      await page.getByRole("button", { name: "补记" }).click();
      const form = page.getByRole("dialog");
      await form.getByRole("button", { name: /补\s*记/ }).click();
      await form.getByText("请选择关于什么").waitFor();
      const about = form.getByRole("combobox", { name: "关于什么" });
      await about.press("ArrowDown");
      await page.getByRole("option", { name: "营销短信" }).waitFor({ state: "attached" });
      await about.press("ArrowDown");
      await about.press("Enter");
      await form.getByRole("radio", { name: "同意", exact: true }).check();
      await form.getByLabel("在哪里、怎样表示的").fill("展会签到表");
      await form.getByRole("button", { name: /补\s*记/ }).click();
      await form.waitFor({ state: "hidden" });
      await page.getByText(/^展会签到表 · ben 补记$/).waitFor();
      const said = await world.api(world.people.get("anna"), "GET", `/contacts/${id}/consents`);
      same(said.purposes.find((p) => p.purpose === "marketing_sms").state, "granted", "what was recorded");
    },
  },
  {
    name: "tags and the profile are edited by hand in the 360, and who was overtaken is told",
    expect: [/status of 412/],
    async run({ world, open }) {
      const anna = world.people.get("anna");
      const id = await follower(world, "oEdited" + Date.now());
      const page = await open({ as: world.people.get("ben"), path: `/console/contacts/${id}`, size: { width: 1280, height: 800 } });
      await page.getByRole("button", { name: "打标签" }).click();
      const tags = page.getByRole("dialog");
      await tags.getByRole("combobox", { name: "标签" }).fill("专业版");
      await page.locator(".ant-select-item-option").filter({ hasText: /^专业版$/ }).click();
      await tags.getByRole("button", { name: "保存" }).click();
      await page.getByText("标签已更新").waitFor();
      await page.getByText("专业版").first().waitFor();

      await page.getByRole("button", { name: "改资料" }).click();
      const profile = page.getByRole("dialog");
      await profile.getByLabel("公司", { exact: true }).fill("乙公司");
      await world.api(anna, "PATCH", `/contacts/${id}`, { values: { company: "甲公司" } });
      await profile.getByRole("button", { name: "保存" }).click();
      await profile.getByRole("alert").filter({ hasText: "公司现在是「甲公司」" }).waitFor();
      same(await profile.getByLabel("公司", { exact: true }).inputValue(), "乙公司", "what was typed");
      await picture(page, "contact-overtaken");
      await profile.getByRole("button", { name: "保存" }).click();
      await page.getByText("资料已更新").waitFor();
      same((await world.api(anna, "GET", `/contacts/${id}`)).company, "乙公司", "the company after a deliberate second save");
    },
  },
  {
    name: "a phone number is seen whole by who says what for, and only then",
    async run({ world, open }) {
      const anna = world.people.get("anna");
      const phone = "139" + String(Date.now()).slice(-8);
      await world.api(anna, "POST", "/events", { events: [{ id: "reveal-" + phone, type: "form.submitted", identities: [{ kind: "phone", value: phone }], props: { form: "x" } }] });
      const id = await until("Koi knows the number", () => world.api(anna, "GET", `/identities?kind=phone&value=${phone}`).then((r) => r.items[0]?.contact_id));
      const page = await open({ as: anna, path: `/console/contacts/${id}` });
      await page.getByText(`139****${phone.slice(-4)}`).waitFor();
      await page.getByRole("button", { name: "查看", exact: true }).click();
      const ask = page.getByRole("dialog", { name: "查看完整手机号" });
      await ask.getByRole("button", { name: "查看" }).click();
      await ask.getByText("请写明原因").waitFor();
      same(await page.getByText(phone).count(), 0, "shown without a reason");
      await ask.getByLabel(/用途/).fill("回访报价");
      await ask.getByRole("button", { name: "查看" }).click();
      await page.getByText(phone).waitFor();
      const audit = await world.api(anna, "GET", `/audit?object=contacts/${id}`);
      ok(audit.items.some((l) => l.detail.reason === "回访报价"), "it is not on record");
    },
  },
  {
    name: "an account is checked from the console, and the doctor examines everything",
    async run({ world, open }) {
      const page = await open({ as: world.people.get("anna"), path: "/console/settings/accounts" });
      const card = page.getByRole("region", { name: /锦鲤云/ });
      await card.getByRole("button", { name: "现在检查" }).click();
      await until("the account was checked", async () => await card.getByRole("button", { name: "现在检查" }).isEnabled());
      await page.getByRole("button", { name: "开始体检" }).click();
      await page.getByRole("button", { name: "再检查一次" }).waitFor({ timeout: 40_000 });
      await page.getByText(/检查 \d+ 项/).waitFor();
    },
  },
  {
    name: "of two people who edit one definition the second is told",
    async run({ world }) {
      const [anna, ben] = [world.people.get("anna"), world.people.get("ben")];
      const at = await world.api(anna, "GET", "/definitions/page/price");
      const seen = { "If-Match": `"${at.rev}"` };
      await world.api(anna, "PUT", "/definitions/page/price", { ...at.body, title: "安娜改的标题" }, seen);
      const told = await world.api(ben, "PUT", "/definitions/page/price", { ...at.body, title: "小本改的标题" }, seen).then(
        () => "",
        (e) => e.message,
      );
      ok(/ 412 /.test(told) && /[\u4e00-\u9fff]/.test(told), `the second was told ${told}`);
      same((await world.api(ben, "GET", "/definitions/page/price")).body.title, "安娜改的标题", "whose title stands");
    },
  },
];
