import { describe, expect, it } from "vitest";
import { Capture } from "../../src/media/capture.ts";
import { Motion } from "../../src/media/motion.ts";
import { Publisher } from "../../src/media/publisher.ts";
import { FakeLink, FakeTrack, fakeTransport } from "../room/fake-media.ts";

/** When it changed its mind, hearing each half second whether there is sound. */
function changes(seconds: number, isLoud: (second: number) => boolean): number[] {
  const motion = new Motion();
  const all = Array.from({ length: seconds * 2 }, (_, half) => half / 2);
  return all.filter((second) => motion.hear(isLoud(second) ? 0.6 : 0, second * 1000));
}

describe("Motion", () => {
  it("is believed after seconds of sound, and given up after long silence", () => {
    expect(changes(60, (second) => second >= 5 && second < 20)).toEqual([8, 40]);
  });

  it("is no click, no ping, and no pause between two scenes", () => {
    expect(changes(60, (second) => second % 3 === 0)).toEqual([]);
    expect(changes(60, (second) => second % 15 < 7)).toEqual([3]);
  });
});

describe("a shared screen", () => {
  function share(displaySurface: string, hasSound: boolean) {
    const heard: ((moves: boolean) => void)[] = [];
    const ended: AbortSignal[] = [];
    const screen = Object.assign(new FakeTrack("video"), { getSettings: () => ({ displaySurface }) });
    const tracks = { video: [screen], audio: hasSound ? [new FakeTrack("audio")] : [] };
    const stream = { getVideoTracks: () => tracks.video, getAudioTracks: () => tracks.audio };
    const devices = Object.assign(new EventTarget(), { getDisplayMedia: async () => stream });
    const capture = new Capture(
      devices as unknown as MediaDevices,
      undefined,
      undefined,
      (_track, onMotion, signal) => {
        heard.push(onMotion);
        ended.push(signal);
      },
    );
    const link = new FakeLink();
    const transport = fakeTransport(link);
    new Publisher(capture, transport, () => {});
    const preference = async () => {
      await transport.choose("camera", ["f", "h", "q"]);
      return link.transceivers[2]?.sender.preference;
    };
    return { capture, screen, heard, ended, preference };
  }

  it("is sharp before it is smooth, but for a tab while it plays", async () => {
    const { capture, screen, heard, ended, preference } = share("browser", true);
    await capture.setScreen(true);
    expect([screen.contentHint, await preference()]).toEqual(["detail", "maintain-resolution"]);
    heard[0]?.(true);
    expect([screen.contentHint, await preference()]).toEqual(["motion", "maintain-framerate"]);
    heard[0]?.(false);
    expect([screen.contentHint, await preference()]).toEqual(["detail", "maintain-resolution"]);
    heard[0]?.(true);
    await capture.setScreen(false);
    expect(ended[0]?.aborted).toBe(true);
    expect(await preference()).toBe("maintain-resolution");
  });

  it("says so again where that was refused while the answer came", async () => {
    const link = new FakeLink();
    const transport = fakeTransport(link);
    await transport.prefer("screen", "maintain-resolution");
    const sender = link.transceivers[2]?.sender;
    if (sender) sender.preference = undefined;
    await transport.accept("answer");
    await transport.choose("camera", ["f", "h", "q"]);
    expect(sender?.preference).toBe("maintain-resolution");
  });

  it.each([
    ["monitor", true],
    ["window", true],
    ["browser", false],
  ])("is not listened to where it is a %s with sound %s", async (surface, hasSound) => {
    const { capture, screen, heard } = share(surface, hasSound);
    await capture.setScreen(true);
    expect(heard).toEqual([]);
    expect(screen.contentHint).toBe("detail");
  });
});
