import { describe, expect, it } from "vitest";
import { cameraPlan, FULL, MODEST } from "../../src/media/camera.ts";
import { Capture } from "../../src/media/capture.ts";
import { FakeLink, fakeTransport } from "../room/fake-media.ts";

describe("the camera", () => {
  it.each([
    [1, MODEST],
    [2, MODEST],
    [4, FULL],
    [Number.NaN, FULL],
  ])("of a machine with %s cores", (cores, plan) => {
    expect(cameraPlan(cores)).toBe(plan);
  });

  it("is asked for what the plan says", async () => {
    const asked: MediaStreamConstraints[] = [];
    const devices = Object.assign(new EventTarget(), {
      async getUserMedia(constraints: MediaStreamConstraints) {
        asked.push(constraints);
        throw new DOMException("no", "NotFoundError");
      },
    });
    const chosen = { microphone: "", camera: "", speaker: "" };
    await new Capture(devices as unknown as MediaDevices, chosen, MODEST).setCamera(true);
    expect(asked[0]?.video).toMatchObject({ width: { ideal: 640 }, height: { ideal: 360 } });
  });

  it("lists its layers from high to low, each half of the one above, the best first", () => {
    for (const { encodings } of [FULL, MODEST]) {
      expect(encodings.map(({ rid }) => rid)).toEqual(["f", "h", "q"].slice(0, encodings.length));
      expect(encodings.map(({ scaleResolutionDownBy }) => scaleResolutionDownBy)).toEqual(
        [1, 2, 4].slice(0, encodings.length),
      );
    }
  });

  it("leaves a plan as it was, whatever the browser does with the encodings", () => {
    const link = new FakeLink();
    fakeTransport(link);
    const init = link.transceivers[1]?.init.sendEncodings;
    expect(init).toEqual(FULL.encodings);
    expect(init?.[0]).not.toBe(FULL.encodings[0]);
  });
});
