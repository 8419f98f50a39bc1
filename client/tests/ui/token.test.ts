import { describe, expect, it } from "vitest";
import { nameIn, opensAt } from "../../src/ui/token.ts";

const token = (claims: unknown) =>
  `e30.${Buffer.from(JSON.stringify(claims), "utf8").toString("base64url")}.signature`;

describe("nameIn", () => {
  it("finds the name that a token fixes", () => {
    expect(nameIn(token({ room: "lobby", name: "Zoë ÿ?>" }))).toBe("Zoë ÿ?>");
  });

  it.each([null, "", "x", "a.b.c", token({}), token({ name: 7 }), token(null), token([1])])(
    "finds none in %s",
    (without) => {
      expect(nameIn(without)).toBeNull();
    },
  );
});

describe("opensAt", () => {
  it.each([
    [token({ nbf: 1_900_000_000 }), 1_900_000_000],
    [token({ nbf: "soon" }), null],
    [token({}), null],
    [null, null],
  ])("of %s is %s", (of, expected) => {
    expect(opensAt(of)).toBe(expected);
  });
});
