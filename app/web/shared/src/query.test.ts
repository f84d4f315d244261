import { QueryObserver } from "@tanstack/react-query";
import { expect, test } from "vitest";
import { newQueryClient, readAnew } from "./query";

test("what happens during the first reading is not missed", async () => {
  const client = newQueryClient();
  let truth = "before";
  const answers: ((v: string) => void)[] = [];
  const seen: (string | undefined)[] = [];
  const observer = new QueryObserver(client, {
    queryKey: ["thing"],
    queryFn: () => {
      const asked = truth; // the server answers what was true when it was asked
      return new Promise<string>((done) => answers.push(() => done(asked)));
    },
  });
  const stop = observer.subscribe((r) => seen.push(r.data));
  truth = "after";
  readAnew(client, ["thing"]);
  expect(answers).toHaveLength(1);
  answers[0]!("");
  await expect.poll(() => answers.length).toBe(2);
  answers[1]!("");
  await expect.poll(() => seen.at(-1)).toBe("after");
  stop();
  client.clear();
});
