import createClient, { type Middleware } from "openapi-fetch";
import { itIs } from "../format";
import type { components, paths } from "./schema";

/** Types of the API by their names in the OpenAPI document, e.g. Schema<"Contact">. */
export type Schema<Name extends keyof components["schemas"]> = components["schemas"][Name];

/** What went wrong, in a sentence a user may read (RFC 9457). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    detail: string,
    readonly problems: { path: string; message: string }[] = [],
    readonly request = "",
  ) {
    super(detail);
    this.name = "ApiError";
  }
  /** Nobody answered: the server restarts or the network is away. */
  get offline(): boolean {
    return this.status === 0;
  }
}

let csrf = "";
const lost = new Set<() => void>();

/** The session's token, which every change carries (see GET /me). */
export function setToken(token: string | undefined): void {
  csrf = token ?? "";
}

/** Calls f whenever a request finds that the session has ended. Returns how to stop. */
export function onSessionLost(f: () => void): () => void {
  lost.add(f);
  return () => lost.delete(f);
}

const guard: Middleware = {
  onRequest({ request }) {
    if (request.method !== "GET" && csrf) request.headers.set("X-CSRF-Token", csrf);
    return request;
  },
  async onResponse({ request, response }) {
    itIs(Number(response.headers.get("X-Koi-Time")));
    if (response.ok) return response;
    const error = await failure(response);
    // Signing in answers 401 too: that is the form's own matter.
    if (response.status === 401 && !request.url.endsWith("/session")) for (const f of lost) f();
    throw error;
  },
  onError() {
    return new ApiError(0, "连不上服务器：请检查网络；服务可能正在重启，恢复后会自动继续");
  },
};

async function failure(response: Response): Promise<ApiError> {
  const request = response.headers.get("X-Request-Id") ?? "";
  try {
    const body = (await response.json()) as Partial<Schema<"Failure">>;
    return new ApiError(response.status, body.detail || body.title || `服务器回答了 ${response.status}`, body.problems ?? [], request);
  } catch {
    return new ApiError(response.status, `服务器回答了 ${response.status}，没有说明原因；请稍后再试`, [], request);
  }
}

/** The API. Every call resolves with data or throws an ApiError. */
export const api = createClient<paths>({ baseUrl: "/api/v1", credentials: "same-origin" });
api.use(guard);

/** Unwraps an answer: what is not data was thrown before. */
export async function data<T>(answer: Promise<{ data?: T }>): Promise<T> {
  return (await answer).data as T;
}

/** A key that makes a repeated request the same one (Idempotency-Key). */
export function onceKey(): string {
  return crypto.randomUUID();
}

/** Every item of a list, page after page: for definitions, of which there are some hundreds. */
export async function all<T>(load: (cursor?: string) => Promise<{ items: T[]; next?: string }>): Promise<T[]> {
  const items: T[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await load(cursor);
    items.push(...page.items);
    if (!page.next) return items;
    cursor = page.next;
  }
}
