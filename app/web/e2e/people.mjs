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
