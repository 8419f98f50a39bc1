import { describe, expect, it } from "vitest";
import { LANGUAGES, type Messages, preferredLanguage } from "../../src/i18n/index.ts";

const { en, ...others } = LANGUAGES;

/** These names are the outside contract: scripts press the buttons by them. */
const CONTRACT: Partial<Messages> = {
  yourName: "Your name",
  join: "Join",
  muteMicrophone: "Mute microphone",
  unmuteMicrophone: "Unmute microphone",
  stopCamera: "Stop camera",
  startCamera: "Start camera",
  shareScreen: "Share screen",
  stopSharing: "Stop sharing",
  chat: "Chat",
  participants: "Participants",
  leave: "Leave",
};

function filled(value: Messages[keyof Messages]): string {
  const argument = "X" as never;
  return typeof value === "function" ? value(argument, argument) : value;
}

describe("English", () => {
  it("keeps the names of the contract", () => {
    expect(en).toMatchObject(CONTRACT);
  });
});

describe.each(Object.entries(others))("%s", (_code, words) => {
  it("has every text, none empty", () => {
    expect(Object.keys(words).sort()).toEqual(Object.keys(en).sort());
    for (const value of Object.values(words)) expect(filled(value).trim()).not.toBe("");
  });

  it("says the names and numbers that English says", () => {
    for (const key of Object.keys(en) as (keyof Messages)[]) {
      const count = (messages: Messages) => filled(messages[key]).split("X").length;
      if (typeof en[key] === "function") expect(`${key} ${count(words)}`).toBe(`${key} ${count(en)}`);
    }
  });

  it("is translated", () => {
    const same = (Object.keys(en) as (keyof Messages)[]).filter(
      (key) => filled(words[key]) === filled(en[key]),
    );
    expect(same.length).toBeLessThan(15);
  });
});

describe("preferredLanguage", () => {
  it("is the first that we speak, English if none", () => {
    expect(preferredLanguage(["ca-ES", "es"])).toBe("ca");
    expect(preferredLanguage(["fr", "es-MX"])).toBe("es");
    expect(preferredLanguage(["de"])).toBe("en");
    expect(preferredLanguage([])).toBe("en");
  });
});
