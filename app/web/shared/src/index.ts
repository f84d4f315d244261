export * from "./api/client";
export * from "./format";
export * from "./query";
export * from "./session";
export * from "./stream";
