/** What a join token says of its bearer. Only the server can tell whether it is true. */

/** The name that the server will give to whoever brings the token, if it fixes one (RFC 7519 §4.3). */
export function nameIn(token: string | null): string | null {
  const name = claimsIn(token).name;
  return typeof name === "string" ? name : null;
}

/** From when on it holds, in seconds (`nbf`, RFC 7519 §4.1.5); null: since ever. */
export function opensAt(token: string | null): number | null {
  const starts = claimsIn(token).nbf;
  return typeof starts === "number" ? starts : null;
}

function claimsIn(token: string | null): Record<string, unknown> {
  const [, payload = ""] = token?.split(".") ?? [];
  try {
    const bytes = Uint8Array.from(atob(payload.replace(/-/g, "+").replace(/_/g, "/")), (c) =>
      c.charCodeAt(0),
    );
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return claims instanceof Object ? { ...claims } : {};
  } catch {
    return {};
  }
}
