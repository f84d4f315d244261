import { until } from "./browser.mjs";

/** Makes somebody follow once, and returns who they are to Koi. */
export async function follower(world, openid) {
  await world.act(openid, "follow").catch((e) => {
    if (!/已经关注/.test(e.message)) throw e;
  });
  return until(`Koi knows ${openid}`, async () => {
    const q = new URLSearchParams({ kind: "openid", scope: "wx00000000koidemo", value: openid });
    return world.api(world.people.get("anna"), "GET", `/identities?${q}`).then((r) => r.items[0]?.contact_id);
  });
}

/** Edits a page of the starter bundle and puts it out. */
export async function publish(world, key, edit = (body) => body) {
  const anna = world.people.get("anna");
  const at = await world.api(anna, "GET", `/definitions/page/${key}`);
  await world.api(anna, "PUT", `/definitions/page/${key}`, edit({ ...at.body, status: "live" }), { "If-Match": `"${at.rev}"` });
  await until(`/p/${key} is out`, async () => (await fetch(`${world.url}/p/${key}`)).ok);
}
