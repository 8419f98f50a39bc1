import { describe, expect, it } from "vitest";
import { colourOf, initials } from "../../src/ui/avatar.ts";
import { inventRoomName, roomNameFrom } from "../../src/ui/room-names.ts";

describe("initials", () => {
  it.each([
    ["Marta Vidal", "MV"],
    ["ana", "A"],
    ["Ana Lucía Pérez", "AP"],
    ["  ", "?"],
    ["👩‍🚀 Rosa", "👩‍🚀R"],
    ["éric", "É"],
  ])("of %s are %s", (name, expected) => {
    expect(initials(name)).toBe(expected);
  });
});

describe("colourOf", () => {
  it("is always the same for one person and spreads over many", () => {
    expect(colourOf("abc")).toBe(colourOf("abc"));
    const colours = new Set(Array.from({ length: 200 }, (_, index) => colourOf(`p${index}`)));
    expect(colours.size).toBe(12);
  });
});

describe("room names", () => {
  it.each([
    ["Team sync!", "team-sync"],
    ["  Reunió d’equip  ", "reunio-d-equip"],
    ["a_b-c", "a_b-c"],
    ["../../etc", "etc"],
    ["!!!", ""],
    ["x".repeat(100), "x".repeat(64)],
  ])("make an address of %s", (typed, expected) => {
    expect(roomNameFrom(typed)).toBe(expected);
  });

  it("are invented in a shape that needs no change", () => {
    const name = inventRoomName();
    expect(name).toMatch(/^[a-z]+-[a-z]+-\d{5}$/u);
    expect(roomNameFrom(name)).toBe(name);
    expect(inventRoomName(() => 0)).toBe("amber-badger-00000");
  });
});
