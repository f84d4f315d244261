const key = "koi_out";

/** Who signs out inside WeCom stays out until they ask to come in: it would let them in again at once. */
export function stayOut(): void {
  try {
    sessionStorage.setItem(key, "1");
  } catch {
    // Without storage WeCom signs them in again.
  }
}

export function staysOut(): boolean {
  try {
    return sessionStorage.getItem(key) === "1";
  } catch {
    return false;
  }
}
