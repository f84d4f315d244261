import { api, data, useSession } from "@koi/shared";
import { useQuery } from "@tanstack/react-query";
import { useSyncExternalStore } from "react";
import { finished, type Known, nextOf, type StepKey, stepsOf } from "./steps";

const place = "koi.onboarding.skipped";
const heard = new Set<() => void>();
let skipped: readonly string[] = read();

function read(): readonly string[] {
  try {
    const v: unknown = JSON.parse(localStorage.getItem(place) ?? "[]");
    return Array.isArray(v) ? v.filter((x) => typeof x === "string") : [];
  } catch {
    return [];
  }
}

/** Skips a step, or takes it up again, in this browser. */
export function skip(step: StepKey, on: boolean): void {
  skipped = on ? [...new Set([...skipped, step])] : skipped.filter((s) => s !== step);
  try {
    localStorage.setItem(place, JSON.stringify(skipped));
  } catch {
    // A browser that keeps nothing forgets it with the page.
  }
  for (const f of heard) f();
}

/** How far this Koi has come, from what it has. */
export function useOnboarding() {
  const session = useSession();
  const may = session.may("accounts.read") && session.may("definitions.read");
  const settings = useQuery({ queryKey: ["definitions", "starter"], queryFn: () => data(api.GET("/settings", { params: { query: { limit: 200 } } })), enabled: may, staleTime: 60_000 });
  const accounts = useQuery({ queryKey: ["accounts"], queryFn: () => data(api.GET("/accounts", { params: { query: { limit: 200 } } })), enabled: may });
  const overview = useQuery({ queryKey: ["overview"], queryFn: () => data(api.GET("/overview")), enabled: may });
  const gone = useSyncExternalStore(
    (f) => {
      heard.add(f);
      return () => heard.delete(f);
    },
    () => skipped,
  );
  const followers = (overview.data?.days ?? []).reduce((n, d) => n + (d.counts["oa.followed"] ?? 0) + (d.counts["wecom.customer_added"] ?? 0), 0);
  const known: Known = { definitions: settings.data?.items.length ?? 0, accounts: accounts.data?.items ?? [], followers, skipped: gone };
  const steps = stepsOf(known);
  return {
    may,
    ready: !!settings.data && !!accounts.data && !!overview.data,
    error: settings.error ?? accounts.error ?? overview.error,
    retry: () => void Promise.all([settings.refetch(), accounts.refetch(), overview.refetch()]),
    steps,
    finished: finished(steps),
    next: nextOf(steps),
    settings: settings.data?.items ?? [],
    accounts: known.accounts,
    recent: overview.data?.recent ?? [],
  };
}
