import { describe, expect, it } from "vitest";
import { Capture } from "../../src/media/capture.ts";
import { Publisher } from "../../src/media/publisher.ts";
import { FakeLink, fakeCapture, fakeTransport } from "../room/fake-media.ts";

describe("Capture", () => {
  it("opens both devices with one question", async () => {
    const capture = fakeCapture();
    await capture.start(true, true);
    const { microphone, camera, microphones, cameras } = capture.state.get();
    expect(microphone).toMatchObject({ on: true, pending: false, problem: null });
    expect(camera).toMatchObject({ on: true, pending: false, problem: null });
    expect(microphones).toEqual([{ id: "m1", label: "Headset" }]);
    expect(cameras).toEqual([{ id: "c1", label: "1" }]);
  });

  it("keeps the microphone when only the camera is refused", async () => {
    const capture = fakeCapture({ video: "NotFoundError" });
    await capture.start(true, true);
    expect(capture.state.get().microphone).toMatchObject({ on: true, problem: null });
    expect(capture.state.get().camera).toMatchObject({ on: false, problem: "missing", track: null });
  });

  it.each([
    ["NotAllowedError", "denied"],
    ["NotFoundError", "missing"],
    ["NotReadableError", "busy"],
    ["TypeError", "failed"],
  ])("calls %s %s", async (name, problem) => {
    const capture = fakeCapture({ audio: name });
    await capture.setMicrophone(true);
    expect(capture.state.get().microphone.problem).toBe(problem);
  });

  it("says that an insecure page has no devices", async () => {
    const capture = new Capture(undefined);
    await capture.start(true, true);
    expect(capture.state.get().microphone.problem).toBe("insecure");
    expect(capture.state.get().camera.problem).toBe("insecure");
    expect(capture.canShareScreen).toBe(false);
  });

  it("keeps a muted microphone open and releases a stopped camera", async () => {
    const capture = fakeCapture();
    await capture.start(true, true);
    const before = capture.state.get();
    await capture.setMicrophone(false);
    await capture.setCamera(false);
    expect(before.microphone.track).toMatchObject({ readyState: "live", enabled: false });
    expect(before.camera.track).toMatchObject({ readyState: "ended" });
    expect(capture.state.get().camera.track).toBeNull();
    await capture.setMicrophone(true);
    expect(capture.state.get().microphone.track).toBe(before.microphone.track);
  });

  it("releases a camera that opened after it was no longer wanted", async () => {
    const capture = fakeCapture();
    const opening = capture.setCamera(true);
    await capture.setCamera(false);
    await opening;
    expect(capture.state.get().camera).toMatchObject({ on: false, track: null });
  });

  it("lets go of devices, also of those that open later, until one is asked for", async () => {
    const capture = fakeCapture();
    await capture.setMicrophone(true);
    const { track } = capture.state.get().microphone;
    const opening = capture.setCamera(true);
    capture.release();
    await opening;
    expect(track).toMatchObject({ readyState: "ended" });
    expect(capture.state.get().microphone).toMatchObject({ on: false, track: null });
    expect(capture.state.get().camera).toMatchObject({ on: false, pending: false, track: null });
    await capture.setCamera(true);
    expect(capture.state.get().camera).toMatchObject({ on: true, track: { readyState: "live" } });
  });

  it("changes the device in mid-call, and leaves a stopped one stopped", async () => {
    const capture = fakeCapture();
    await capture.start(true, false);
    const first = capture.state.get().microphone.track;
    await capture.choose("microphone", "m2");
    await capture.choose("camera", "c2");
    expect(first).toMatchObject({ readyState: "ended" });
    expect(capture.state.get().microphone.track).toMatchObject({ readyState: "live" });
    expect(capture.state.get().camera.track).toBeNull();
    expect(capture.state.get().chosen).toMatchObject({ microphone: "m2", camera: "c2" });
  });

  it("takes a closed screen picker for a change of mind", async () => {
    const capture = fakeCapture({ display: "NotAllowedError" });
    await capture.setScreen(true);
    expect(capture.state.get().screen).toMatchObject({ on: false, problem: null });
  });

  it("stops sharing when the browser's own button ends it", async () => {
    const capture = fakeCapture();
    await capture.setScreen(true);
    const { track } = capture.state.get().screen;
    expect(track).not.toBeNull();
    track?.onended?.(new Event("ended"));
    expect(capture.state.get().screen).toMatchObject({ on: false, track: null });
  });
});

describe("Publisher", () => {
  it("sends what is on, and takes a muted microphone off its line", async () => {
    const capture = fakeCapture();
    const link = new FakeLink();
    const told: string[] = [];
    const publisher = new Publisher(capture, fakeTransport(link), (source, live) =>
      told.push(`${source} ${live}`),
    );
    await capture.start(true, true);
    expect(link.sent(0)).toBe(capture.state.get().microphone.track);
    expect(link.sent(1)).toBe(capture.state.get().camera.track);
    await capture.setMicrophone(false);
    expect(link.sent(0)).toBeNull();
    await capture.setMicrophone(true);
    expect(link.sent(0)).not.toBeNull();
    expect(told).toEqual(["microphone true", "camera true", "microphone false", "microphone true"]);
    publisher.close();
    await capture.setCamera(false);
    expect(told).toHaveLength(4);
  });
});
