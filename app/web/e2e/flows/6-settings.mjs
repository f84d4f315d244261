import { createHmac } from "node:crypto";
import { createServer } from "node:http";
import { ok, picture, same } from "../browser.mjs";

export default [
  {
    name: "the five steps lead from nothing to one's own 360 by a code that can be scanned",
    async run({ world, open }) {
      const page = await open({ as: world.people.get("anna"), path: "/console/onboarding?step=official" });
      await page.getByRole("button", { name: "检查这一步" }).click();
      await page.getByText("有权限").or(page.getByText("模板消息")).first().waitFor();
      const steps = page.getByRole("navigation", { name: "步骤" });
      await steps.getByRole("button", { name: /4\. 接短信/ }).click();
      await page.getByRole("button", { name: "跳过这一步" }).click();
      await page.getByRole("heading", { name: "用自己的微信扫码关注" }).or(page.getByText("用自己的微信扫码关注").last()).waitFor();
      const code = page.getByRole("img", { name: "关注 锦鲤云 的二维码" });
      await code.waitFor();
      ok((await code.locator("svg path").count()) > 1, "the code is not drawn");
      await page.getByText("正在等您扫码").waitFor();
      await picture(page, "onboarding-follow");
      await world.act("oOnboarding", "scan", await code.getAttribute("data-scene"));
      await page.getByText(/收到了/).waitFor({ timeout: 10_000 });
      await page.getByText("欢迎消息已经发出").waitFor();
      await picture(page, "onboarding-done");
      await page.getByRole("button", { name: "看 TA 的 360" }).click();
      await page.getByText("关注公众号").first().waitFor();
    },
  },
  {
    name: "two people edit one user: the second is told what the first did, loses nothing and decides",
    expect: [/status of 412/],
    async run({ world, open }) {
      const anna = world.people.get("anna");
      await world.api(anna, "POST", "/users", { login: "limei", name: "李梅", role: "analyst", password: "correct-horse-battery" });
      const first = await open({ as: anna, path: "/console/settings/users" });
      const second = await open({ as: anna, path: "/console/settings/users" });
      for (const page of [first, second]) await page.getByRole("button", { name: "修改 limei" }).click();
      const name = (page) => page.getByRole("dialog").getByLabel("姓名");
      await name(first).fill("李梅（市场）");
      await first.getByRole("dialog").getByRole("button", { name: "保存" }).click();
      await first.getByText("已保存").waitFor();

      await name(second).fill("李梅梅");
      await second.getByLabel("角色").click();
      await second.getByTitle("市场：客户、旅程、配置").click(); // by mouse: menus must open where they can be seen
      const save = second.getByRole("dialog").getByRole("button", { name: "保存" });
      await save.click();
      const told = second.getByRole("alert").filter({ hasText: "别人刚改过这位用户" });
      await told.waitFor();
      ok((await told.textContent()).includes("姓名现在是「李梅（市场）」"), "what the first one did is not told");
      same(await name(second).inputValue(), "李梅梅", "what was typed");
      await first.reload();
      await first.getByText("李梅（市场）").waitFor(); // nothing was overwritten unawares
      await save.click();
      await second.getByText("已保存").waitFor();
      const row = second.getByRole("row", { name: /李梅梅/ });
      await row.getByRole("cell", { name: "市场" }).waitFor();
    },
  },
  {
    name: "a webhook is added, its secret shown once, tried against a receiver, stopped and deleted",
    expect: [/status of 422/],
    async run({ world, open }) {
      const got = [];
      let answer = 200;
      const receiver = createServer((req, res) => {
        let body = "";
        req.on("data", (b) => (body += b));
        req.on("end", () => {
          got.push({ headers: req.headers, body });
          res.writeHead(answer).end();
        });
      });
      await new Promise((r) => receiver.listen(0, "127.0.0.1", r));
      try {
        const page = await open({ as: world.people.get("anna"), path: "/console/settings/webhooks" });
        await page.getByText("还没有 Webhook").waitFor();
        await page.getByRole("button", { name: "添加 Webhook" }).click();
        const form = page.getByRole("dialog");
        await form.getByLabel("推送给谁").fill("订单系统");
        await form.getByLabel("旅程里的名字").fill("erp");
        await form.getByLabel("地址").fill("ftp://erp.example.com/");
        await form.getByRole("button", { name: "保存" }).click();
        await form.getByRole("alert").filter({ hasText: "https://" }).waitFor(); // and what was typed is still there
        same(await form.getByLabel("推送给谁").inputValue(), "订单系统", "the name");
        await form.getByLabel("地址").fill(`http://127.0.0.1:${receiver.address().port}/koi`);
        await form.getByRole("button", { name: "保存" }).click();
        const shown = page.getByRole("dialog", { name: "订单系统 的签名密钥" });
        const secret = await shown.locator("code").textContent();
        ok(secret.startsWith("whsec_"), `the secret is ${secret}`);
        await shown.getByRole("button", { name: "我已保存好" }).click();

        await page.getByRole("button", { name: "试发 订单系统" }).click();
        const trial = page.getByRole("dialog", { name: "试发给 订单系统" });
        await trial.getByText("对方收下了").waitFor();
        const [{ headers, body }] = got;
        same(headers["x-koi-signature"], `v1=${createHmac("sha256", secret).update(`${headers["x-koi-timestamp"]}.${body}`).digest("hex")}`, "the signature");
        await trial.getByRole("button", { name: "知道了" }).click();
        await trial.waitFor({ state: "hidden" });

        answer = 500;
        await page.getByRole("button", { name: "试发 订单系统" }).click();
        await trial.getByText("没有送到：对方回答 500").waitFor();
        await trial.getByRole("button", { name: "知道了" }).click();
        await trial.waitFor({ state: "hidden" });

        const choose = async (what) => {
          await page.getByRole("button", { name: "更多：订单系统" }).click();
          await page.getByRole("menuitem", { name: what }).click();
        };
        await choose("停用");
        await page.getByRole("dialog").getByRole("button", { name: "停用" }).click();
        await page.getByRole("cell", { name: /已停用/ }).waitFor();
        await page.getByRole("link", { name: "查看" }).click();
        await page.getByText("只看经 erp 发出的").waitFor();
        await page.goBack();
        await choose("删除");
        await page.getByRole("dialog").getByRole("button", { name: "删除" }).click();
        await page.getByText("还没有 Webhook").waitFor();
      } finally {
        receiver.close();
      }
    },
  },
];
