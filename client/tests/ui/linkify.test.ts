import { describe, expect, it } from "vitest";
import { linkify } from "../../src/ui/linkify.ts";

const links = (text: string) =>
  linkify(text)
    .filter(({ href }) => href !== null)
    .map(({ text: link }) => link);

describe("linkify", () => {
  it("loses and adds no character", () => {
    for (const text of ["", "plain", "see https://a.example/x, or http://b.example.", "https://a.example"]) {
      expect(
        linkify(text)
          .map((part) => part.text)
          .join(""),
      ).toBe(text);
    }
  });

  it.each([
    ["see https://a.example/x.", "https://a.example/x"],
    ["(https://a.example/x)", "https://a.example/x"],
    ["https://a.example/wiki/A_(b)", "https://a.example/wiki/A_(b)"],
    ["HTTPS://A.example", "HTTPS://A.example"],
    ["https://a.example/?q=1&r=%20#top!", "https://a.example/?q=1&r=%20#top"],
    ["«https://a.example»", "https://a.example"],
  ])("finds the address in %s", (text, link) => {
    expect(links(text)).toEqual([link]);
  });

  it.each([
    "javascript:alert(1)",
    "data:text/html,<b>x</b>",
    "ftp://a.example",
    "https://",
    "http://[bad",
    "www.example.org",
  ])("makes no link of %s", (text) => {
    expect(links(text)).toEqual([]);
  });

  it("finds several", () => {
    expect(links("https://a.example and https://b.example")).toEqual([
      "https://a.example",
      "https://b.example",
    ]);
  });

  it("leaves markup as text", () => {
    expect(linkify("<img src=x onerror=alert(1)>")).toEqual([
      { text: "<img src=x onerror=alert(1)>", href: null },
    ]);
    expect(links('https://a.example/"><script>')).toEqual(["https://a.example/"]);
  });

  it("reads 16 KiB of awkward text at once", () => {
    expect(linkify("(https://a".repeat(1_600)).length).toBeGreaterThan(0);
    expect(links(`https://a.example/${")".repeat(16_000)}`)).toHaveLength(1);
    expect(links(`https://a.example/${"!".repeat(16_000)}x${").".repeat(8_000)}`)).toHaveLength(1);
  });
});
