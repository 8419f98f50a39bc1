import { describe, expect, it } from "vitest";
import { FULL, MODEST } from "../../src/media/camera.ts";
import { bitrateOf, fitEncodings } from "../../src/media/encodings.ts";
import { FakeLink, fakeTransport } from "../room/fake-media.ts";

describe("what a layer takes", () => {
  it.each([
    [FULL, 720],
    [MODEST, 360],
  ])("is what was planned where the camera gives what was asked for", (plan, lines) => {
    const encodings = plan.encodings.map((encoding) => ({ ...encoding }));
    expect(fitEncodings({ encodings } as RTCRtpSendParameters, lines)).toBe(false);
    expect(encodings).toEqual(plan.encodings);
  });

  it("rises with the size and falls with better codecs", () => {
    const bitrates = [45, 90, 180, 240, 360, 480, 720, 1080].map((lines) => bitrateOf(lines, "video/VP8"));
    expect(bitrates).toEqual([...bitrates].sort((one, other) => one - other));
    expect(bitrateOf(2160, undefined)).toBe(bitrateOf(1080, undefined));
    expect(bitrateOf(720, "video/VP9")).toBeLessThan(bitrateOf(720, "video/H264"));
    expect(bitrateOf(720, "video/AV1")).toBeLessThan(bitrateOf(720, "video/VP9"));
  });

  it("follows the camera's size and the codec of the answer", async () => {
    const link = new FakeLink();
    const transport = fakeTransport(link);
    const camera = { kind: "video", getSettings: () => ({ width: 640, height: 480 }) };
    const takes = async () => {
      // What is queued last has waited for all before it.
      await transport.choose("camera", ["f", "h", "q"]);
      return link.transceivers[1]?.sender.getParameters().encodings.map(({ maxBitrate }) => maxBitrate);
    };
    await transport.send("camera", camera as unknown as MediaStreamTrack);
    const lines = [480, 240, 120];
    expect(await takes()).toEqual(lines.map((each) => bitrateOf(each, undefined)));
    const sender = link.transceivers[1]?.sender;
    if (sender) sender.codecs = [{ mimeType: "video/AV1" }];
    await transport.accept("answer");
    expect(await takes()).toEqual(lines.map((each) => bitrateOf(each, "video/AV1")));
  });
});
