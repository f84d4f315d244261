import { useQuery, useQueryClient } from "@tanstack/react-query";
import { createContext, useContext, useEffect, useMemo, useState, type ReactNode } from "react";
import { api, ApiError, data, onSessionLost, type Schema, setToken } from "./api/client";

export type Me = Schema<"Me">;

interface Session {
  me: Me | undefined;
  /** The session has ended under an open screen. */
  lost: boolean;
  may(permission: string): boolean;
  signIn(login: string, password: string): Promise<void>;
  signOut(): Promise<void>;
}

const Context = createContext<Session | null>(null);

/** Who uses the app. While a session has ended, screens stay as they are: nothing typed is lost. */
export function SessionProvider({ children, pending }: { children: ReactNode; pending: ReactNode }) {
  const client = useQueryClient();
  const [lost, setLost] = useState(false);
  const { data: me, error, isPending } = useQuery({
    queryKey: ["me"],
    queryFn: async () => {
      try {
        return await data(api.GET("/me"));
      } catch (e) {
        if (e instanceof ApiError && e.status === 401) return null;
        throw e;
      }
    },
    retry: (_, e) => e instanceof ApiError && e.offline,
    retryDelay: 1000,
    staleTime: Infinity,
  });
  useEffect(() => onSessionLost(() => setLost(true)), []);
  useEffect(() => setToken(me?.csrf_token), [me]);
  const session = useMemo<Session>(
    () => ({
      me: me ?? undefined,
      lost: lost && !!me,
      may: (permission) => (me?.permissions ?? []).includes(permission as never),
      async signIn(login, password) {
        const next = await data(api.POST("/session", { body: { login, password } }));
        setToken(next.csrf_token);
        const same = me?.user?.id === next.user?.id;
        client.setQueryData(["me"], next);
        setLost(false);
        // What somebody else was shown must not be seen by who signs in now.
        if (!same) client.removeQueries({ predicate: (q) => q.queryKey[0] !== "me" });
        else await client.invalidateQueries({ predicate: (q) => q.queryKey[0] !== "me" });
      },
      async signOut() {
        await api.DELETE("/session");
        // Who watches "me" must hear of it, so that one query stays.
        client.setQueryData(["me"], null);
        client.removeQueries({ predicate: (q) => q.queryKey[0] !== "me" });
      },
    }),
    [client, lost, me],
  );
  if (isPending || (error && !me)) return pending;
  return <Context value={session}>{children}</Context>;
}

export function useSession(): Session {
  const s = useContext(Context);
  if (!s) throw new Error("useSession outside of SessionProvider");
  return s;
}
