/** What a join token says of its bearer. Only the server can tell whether it is true. */

/** The name that the server will give to whoever brings the token, if it fixes one (RFC 7519 §4.3). */
export function nameIn(token: string | null): string | null {
  const [, payload = ""] = token?.split(".") ?? [];
  try {
    const bytes = Uint8Array.from(atob(payload.replace(/-/g, "+").replace(/_/g, "/")), (c) =>
      c.charCodeAt(0),
    );
    const claims: unknown = JSON.parse(new TextDecoder().decode(bytes));
    const name = claims instanceof Object && "name" in claims ? claims.name : null;
    return typeof name === "string" ? name : null;
  } catch {
    return null;
  }
}
