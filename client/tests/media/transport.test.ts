import { describe, expect, it } from "vitest";
import { FakeLink, fakeTransport } from "../room/fake-media.ts";

describe("the one offer", () => {
  it("has four idle send lines, then the slots", () => {
    const link = new FakeLink();
    fakeTransport(link, 25, 8);
    const lines = link.transceivers.map(({ kind, init }) => `${kind} ${init.direction}`);
    expect(lines.slice(0, 4)).toEqual([
      "audio sendonly",
      "video sendonly",
      "video sendonly",
      "audio sendonly",
    ]);
    expect(lines.slice(4, 29).every((line) => line === "video recvonly")).toBe(true);
    expect(lines.slice(29)).toEqual(Array.from({ length: 8 }, () => "audio recvonly"));
  });

  it("lists the camera's encodings from high to low", () => {
    const link = new FakeLink();
    fakeTransport(link);
    const encodings = link.transceivers[1]?.init.sendEncodings ?? [];
    expect(encodings.map(({ rid }) => rid)).toEqual(["f", "h", "q"]);
    expect(encodings.map(({ scaleResolutionDownBy }) => scaleResolutionDownBy)).toEqual([1, 2, 4]);
  });

  it("is made once, however often it is asked for", async () => {
    const link = new FakeLink();
    const transport = fakeTransport(link);
    expect(await Promise.all([transport.prepare(), transport.prepare()])).toEqual(["offer 1", "offer 1"]);
    expect(await transport.restart()).toBe("offer 2");
  });

  it("names the purpose of each send line", async () => {
    const transport = fakeTransport(new FakeLink());
    await transport.prepare();
    expect(transport.offered((source) => source === "camera")).toEqual([
      { mid: "0", source: "microphone", live: false },
      { mid: "1", source: "camera", live: true },
      { mid: "2", source: "screen", live: false },
      { mid: "3", source: "screen_audio", live: false },
    ]);
  });
});

describe("choose", () => {
  it("begins without the largest layer, and encodes what is chosen last", async () => {
    const link = new FakeLink();
    const transport = fakeTransport(link);
    expect(link.active(1)).toEqual(["h", "q"]);
    const all = transport.choose("camera", ["f", "h", "q"]);
    const least = transport.choose("camera", ["q"]);
    await Promise.all([all, least]);
    expect(link.active(1)).toEqual(["q"]);
  });
});

describe("grow", () => {
  it("adds receive lines behind the others, with a new offer", async () => {
    const link = new FakeLink();
    const transport = fakeTransport(link, 2, 1);
    await transport.prepare();
    expect(await transport.grow(4)).toBe("offer 2");
    expect(transport.videoSlots).toBe(4);
    expect(link.transceivers.slice(4).map(({ kind }) => kind)).toEqual([
      "video",
      "video",
      "audio",
      "video",
      "video",
    ]);
  });
});

describe("send", () => {
  it("ends with what was asked for last, though replacing takes time", async () => {
    const link = new FakeLink();
    const transport = fakeTransport(link);
    const track = { kind: "audio" } as MediaStreamTrack;
    await transport.send("microphone", track);
    const off = transport.send("microphone", null);
    const on = transport.send("microphone", track);
    await Promise.all([off, on]);
    expect(link.sent(0)).toBe(track);
  });
});

describe("onState", () => {
  it("tells the connection's state, and nothing after closing", () => {
    const link = new FakeLink();
    const transport = fakeTransport(link);
    const states: string[] = [];
    transport.onState = (state) => states.push(state);
    for (const state of ["connecting", "connected", "disconnected", "failed"]) link.becomes(state);
    transport.close();
    link.becomes("closed");
    expect(states).toEqual(["connecting", "connected", "disconnected", "failed"]);
  });
});
