import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ErrorCode, Role } from "../../src/protocol/index.ts";
import type { Notice } from "../../src/room/call.ts";
import { RoomSession } from "../../src/room/session.ts";
import { trackOf } from "../../src/room/state.ts";
import { SignalClient } from "../../src/signal/client.ts";
import { FakeSocket, joined } from "../signal/fake-socket.ts";
import { FakeLink, fakeCapture, fakeTransport } from "./fake-media.ts";
import { person, track } from "./fixtures.ts";

function setUp() {
  const sockets: FakeSocket[] = [];
  const links: FakeLink[] = [];
  const notices: Notice[] = [];
  const capture = fakeCapture();
  const openSocket = () => {
    const socket = new FakeSocket();
    sockets.push(socket);
    return socket;
  };
  const session = new RoomSession({
    room: "r",
    token: null,
    capture,
    videoSlots: 12,
    newKey: () => "key",
    openTransport: () => {
      const link = new FakeLink();
      links.push(link);
      return fakeTransport(link);
    },
    openSignal: () => new SignalClient({ url: "ws://test/ws", openSocket, now: () => Date.now() }),
  });
  session.onNotice = (notice) => notices.push(notice);
  const at = <T>(list: T[]): T => {
    const last = list.at(-1);
    if (!last) throw new Error("nothing opened");
    return last;
  };
  return { session, capture, sockets, links, notices, socket: () => at(sockets), link: () => at(links) };
}

type SetUp = ReturnType<typeof setUp>;

const settle = () => vi.advanceTimersByTimeAsync(0);

const PARTICIPANTS = [person("me", track("me", "microphone"), track("me", "camera")), person("a")];

/** Says yes to a join with an offer, or to one that was prepared. */
async function answerJoin(setup: SetUp, role: Role = "moderator"): Promise<void> {
  const socket = setup.socket();
  if (socket.readyState !== 1) socket.open();
  await settle();
  const { id, sdp } = socket.sent.findLast((message) => message.type === "join") ?? {};
  if (id === undefined) throw new Error("nobody joins");
  const { sdp: answer, ...welcome } = joined({
    id,
    participants: PARTICIPANTS.map((one) => (one.id === "me" ? { ...one, role } : one)),
    role,
  });
  socket.say(sdp === undefined ? welcome : { ...welcome, sdp: answer ?? "" });
  await settle();
}

/** A page that waits before joining, its path connected. */
async function waitInLobby(setup: SetUp): Promise<void> {
  setup.session.prepare();
  setup.socket().open();
  await settle();
  setup.socket().say({ type: "prepared", id: setup.socket().idOf("prepare"), sdp: "answer" });
  await settle();
  setup.link().becomes("connected");
}

async function join(setup: SetUp): Promise<void> {
  await setup.capture.start(true, true);
  const joining = setup.session.join("Ana");
  await answerJoin(setup);
  await joining;
  setup.link().becomes("connected");
}

const phase = ({ session }: SetUp) => session.state.get().phase;

beforeEach(() => {
  vi.useFakeTimers({
    toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date", "performance"],
  });
  vi.spyOn(console, "warn").mockImplementation(() => {});
});
afterEach(() => void vi.useRealTimers());

describe("the lobby", () => {
  const entry = ({ session }: SetUp) => session.state.get().entry;
  const asked = ({ socket }: SetUp) => socket().sent.filter(({ type }) => type === "prepare").length;

  async function refuse(setup: SetUp, code: ErrorCode): Promise<void> {
    setup.socket().say({ type: "error", id: setup.socket().idOf("prepare"), code, message: "No." });
    await settle();
  }

  async function refused(code: ErrorCode): Promise<SetUp> {
    const setup = setUp();
    setup.session.prepare();
    setup.socket().open();
    await settle();
    await refuse(setup, code);
    return setup;
  }

  it.each(["bad_name", "unauthorized"] as const)("tells of %s, and does not ask again", async (code) => {
    const setup = await refused(code);
    expect(entry(setup)).toBe(code);
    for (let times = 0; times < 3; times++) {
      setup.session.prepare();
      await vi.advanceTimersByTimeAsync(10_000);
    }
    expect(asked(setup)).toBe(1);
  });

  it.each(["room_locked", "room_full", "server_full", "draining"] as const)(
    "asks again after %s until the door opens",
    async (code) => {
      const setup = await refused(code);
      expect(entry(setup)).toBe(code);
      setup.session.prepare();
      await vi.advanceTimersByTimeAsync(5_000);
      expect(asked(setup)).toBe(2);
      await refuse(setup, code);
      await vi.advanceTimersByTimeAsync(5_000);
      expect(asked(setup)).toBe(3);
      setup.socket().say({ type: "prepared", id: setup.socket().idOf("prepare"), sdp: "answer" });
      await settle();
      expect(entry(setup)).toBeNull();
      await vi.advanceTimersByTimeAsync(20_000);
      expect(asked(setup)).toBe(3);
    },
  );

  it("says nothing of refusals that a join may do without", async () => {
    expect(entry(await refused("rate_limited"))).toBeNull();
  });

  it("tells that the server cannot be reached, and when it can again", async () => {
    const setup = setUp();
    setup.session.prepare();
    setup.socket().cut();
    await settle();
    expect(entry(setup)).toBe("unreachable");
    await vi.advanceTimersByTimeAsync(5_000);
    await waitInLobby(setup);
    expect(entry(setup)).toBeNull();
  });

  it("follows what the server says of a door that it had opened", async () => {
    const setup = setUp();
    await waitInLobby(setup);
    setup.socket().say({ type: "entry", refusal: "room_locked" });
    expect(entry(setup)).toBe("room_locked");
    setup.socket().say({ type: "entry" });
    expect(entry(setup)).toBeNull();
  });

  it("joins with an offer after a refusal, and asks nothing more", async () => {
    const setup = await refused("server_full");
    const joining = setup.session.join("Ana");
    await answerJoin(setup);
    await joining;
    setup.link().becomes("connected");
    expect(setup.socket().sent.find(({ type }) => type === "join")).toMatchObject({ sdp: "offer 1" });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(asked(setup)).toBe(1);
    expect(phase(setup)).toEqual({ name: "joined" });
  });

  it("ends with the page", async () => {
    const setup = await refused("room_locked");
    setup.session.leave();
    await vi.advanceTimersByTimeAsync(20_000);
    expect(asked(setup)).toBe(1);
    expect(setup.link().isClosed).toBe(true);
  });
});

describe("joining", () => {
  it("stops the devices of who may only watch, and tells the server nothing of them", async () => {
    const setup = setUp();
    await setup.capture.start(true, true);
    const { camera, microphone } = setup.capture.state.get();
    const joining = setup.session.join("Ana");
    await answerJoin(setup, "subscriber");
    await joining;
    setup.link().becomes("connected");
    await settle();
    expect(camera.track).toMatchObject({ readyState: "ended" });
    expect(microphone.track).toMatchObject({ readyState: "ended" });
    expect(setup.socket().sent.map(({ type }) => type)).not.toContain("set_track");
  });

  it("sends the offer with what is live, and accepts the answer", async () => {
    const setup = setUp();
    await join(setup);
    expect(setup.socket().sent[0]).toMatchObject({
      type: "join",
      sdp: "offer 1",
      tracks: [{ live: true }, { live: true }, { live: false }, { live: false }],
    });
    expect(setup.link().answers).toEqual(["answer"]);
    expect(phase(setup)).toEqual({ name: "joined" });
  });

  it("asks for the others' pictures before the page is drawn", async () => {
    const setup = setUp();
    await join(setup);
    expect(setup.socket().last()).toMatchObject({ type: "set_view", tiles: [{ track: "a-camera" }] });
  });

  it("encodes the layers that anybody needs", async () => {
    const setup = setUp();
    await join(setup);
    expect(setup.link().active(1)).toEqual(["h", "q"]);
    setup
      .socket()
      .say({ type: "layers_wanted", seq: 1, layers: { source: "camera", rids: ["f", "h", "q"] } });
    await settle();
    expect(setup.link().active(1)).toEqual(["f", "h", "q"]);
  });

  it("offers more slots when more pictures are on screen than it has", async () => {
    const setup = setUp();
    await join(setup);
    const tile = (track: string) => ({ track, width: 320, height: 180 });
    setup.session.setView(["a", "b"].map(tile));
    await settle();
    expect(setup.link().offers).toBe(1);
    setup.session.setView(["a", "b", "c"].map(tile));
    setup.session.setView(["a", "b", "c", "d"].map(tile));
    await settle();
    const offer = setup.socket().last();
    expect(offer).toMatchObject({ type: "offer", sdp: "offer 2" });
    setup.socket().say({
      type: "answer",
      id: setup.socket().idOf("offer"),
      sdp: "answer 2",
      audio_mids: ["6"],
      video_slots: ["4", "5", "7", "8"].map((mid) => ({ mid })),
    });
    await settle();
    expect(setup.link().answers).toEqual(["answer", "answer 2"]);
    expect(setup.link().transceivers.filter(({ kind }) => kind === "video")).toHaveLength(2 + 9);
    expect(setup.link().offers).toBe(2);
    expect(setup.socket().last()).toMatchObject({ type: "set_view", tiles: { length: 4 } });
  });

  it("keeps what slots were given while the browser takes the answer", async () => {
    const setup = setUp();
    await join(setup);
    setup.session.setView(["a", "b", "c"].map((track) => ({ track, width: 320, height: 180 })));
    await settle();
    let take = () => {};
    const taking = new Promise<void>((resolve) => {
      take = resolve;
    });
    const taken = vi.spyOn(setup.link(), "setRemoteDescription").mockReturnValue(taking);
    setup.socket().say({
      type: "answer",
      id: setup.socket().idOf("offer"),
      sdp: "answer 2",
      audio_mids: ["6"],
      video_slots: ["4", "5", "7"].map((mid) => ({ mid })),
    });
    await settle();
    expect(taken).toHaveBeenCalledOnce();
    setup.socket().say({ type: "slots", seq: 1, slots: [{ mid: "7", track: "c" }] });
    take();
    await settle();
    expect(setup.session.state.get().room?.slots.get("7")?.track).toBe("c");
  });

  it("tells of a device that opened only after joining", async () => {
    const setup = setUp();
    const joining = setup.session.join("Ana");
    await answerJoin(setup);
    await joining;
    await setup.capture.setCamera(true);
    expect(setup.socket().last()).toMatchObject({ type: "set_track", source: "camera", live: true });
  });

  it("says why it was refused", async () => {
    const setup = setUp();
    const joining = setup.session.join("Ana");
    setup.socket().open();
    await settle();
    setup
      .socket()
      .say({ type: "error", code: "room_full", message: "full", id: setup.socket().idOf("join") });
    await joining;
    expect(phase(setup)).toEqual({ name: "refused", problem: "room_full", message: "full" });
    expect(setup.link().isClosed).toBe(true);
  });
});

describe("in the lobby", () => {
  it("connects, and puts nothing on the lines", async () => {
    const setup = setUp();
    await setup.capture.start(true, true);
    await waitInLobby(setup);
    expect(setup.socket().sent).toMatchObject([
      { type: "prepare", room: "r", sdp: "offer 1", tracks: [{}, {}, {}, {}].map(() => ({ live: false })) },
    ]);
    expect(setup.link().answers).toEqual(["answer"]);
    await setup.capture.choose("camera", "another");
    expect([0, 1, 2, 3].map((mid) => setup.link().sent(mid))).toEqual([null, null, null, null]);
    expect(phase(setup)).toEqual({ name: "joining" });
  });

  it("joins over what is connected, and sends only when it is let in", async () => {
    const setup = setUp();
    await waitInLobby(setup);
    await setup.capture.start(true, true);
    const joining = setup.session.join("Ana");
    await settle();
    const message = setup.socket().last();
    expect(message).toMatchObject({
      type: "join",
      name: "Ana",
      tracks: [{ live: true }, { live: true }, {}, {}],
    });
    expect(message).not.toHaveProperty("sdp");
    expect(setup.link().sent(1)).toBeNull();
    await answerJoin(setup);
    await joining;
    expect(setup.link().sent(1)).toBe(setup.capture.state.get().camera.track);
    expect(setup.link().answers).toEqual(["answer"]);
    expect(phase(setup)).toEqual({ name: "joined" });
    expect(setup.links).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(phase(setup)).toEqual({ name: "joined" });
  });

  it("asks once, however often the person comes near", async () => {
    const setup = setUp();
    setup.session.prepare();
    setup.session.prepare();
    await waitInLobby(setup);
    setup.session.prepare();
    await settle();
    expect(setup.socket().sent).toHaveLength(1);
  });

  it("joins at once when the press comes before the answer", async () => {
    const setup = setUp();
    setup.session.prepare();
    const joining = setup.session.join("Ana");
    setup.socket().open();
    await settle();
    expect(setup.socket().sent.map(({ type }) => type)).toEqual(["prepare", "join"]);
    setup.socket().say({ type: "prepared", id: setup.socket().idOf("prepare"), sdp: "answer" });
    await answerJoin(setup);
    await joining;
    expect(setup.link().answers).toEqual(["answer"]);
    expect(phase(setup)).toEqual({ name: "joined" });
  });

  it("joins with its offer when preparing is refused after the press", async () => {
    const setup = setUp();
    setup.session.prepare();
    setup.socket().open();
    await settle();
    const joining = setup.session.join("Ana");
    await settle();
    const refusal = { type: "error", code: "server_full", message: "" } as const;
    setup.socket().say({ ...refusal, id: setup.socket().idOf("prepare") });
    const expired = { type: "error", code: "session_expired", message: "" } as const;
    setup.socket().say({ ...expired, id: setup.socket().idOf("join") });
    await settle();
    expect(setup.socket().last()).toMatchObject({ type: "join", sdp: "offer 1" });
    await answerJoin(setup);
    await joining;
    expect(setup.links).toHaveLength(1);
    expect(phase(setup)).toEqual({ name: "joined" });
  });

  it("joins with a new transport when the server has forgotten the lobby", async () => {
    const setup = setUp();
    await setup.capture.start(true, true);
    await waitInLobby(setup);
    setup.socket().cut(1008);
    const joining = setup.session.join("Ana");
    await settle();
    setup.socket().open();
    await settle();
    expect(setup.links.map(({ isClosed }) => isClosed)).toEqual([true, false]);
    const tracks = [{ mid: "0", live: true }, { mid: "1", live: true }, { mid: "2" }, { mid: "3" }];
    expect(setup.socket().sent).toMatchObject([{ type: "join", sdp: "offer 1", tracks }]);
    await answerJoin(setup);
    await joining;
    expect(setup.link().sent(0)).toBe(setup.capture.state.get().microphone.track);
    expect(phase(setup)).toEqual({ name: "joined" });
  });

  it("prepares anew when the person comes back to a lobby that has ended", async () => {
    const setup = setUp();
    await waitInLobby(setup);
    setup.socket().cut(1008);
    await waitInLobby(setup);
    expect(setup.links.map(({ isClosed }) => isClosed)).toEqual([true, false]);
    expect(setup.socket().last()).toMatchObject({ type: "prepare", sdp: "offer 1" });
  });

  it("joins with a new transport when the path has failed meanwhile", async () => {
    const setup = setUp();
    await waitInLobby(setup);
    setup.link().becomes("failed");
    const joining = setup.session.join("Ana");
    await settle();
    expect(setup.socket().last()).toMatchObject({ type: "join", sdp: "offer 1" });
    expect(setup.links).toHaveLength(2);
    await answerJoin(setup);
    await joining;
    expect(phase(setup)).toEqual({ name: "joined" });
  });

  it("says why a prepared join was refused", async () => {
    const setup = setUp();
    await waitInLobby(setup);
    const joining = setup.session.join("Ana");
    await settle();
    const locked = { type: "error", code: "room_locked", message: "locked" } as const;
    setup.socket().say({ ...locked, id: setup.socket().idOf("join") });
    await joining;
    expect(phase(setup)).toEqual({ name: "refused", problem: "room_locked", message: "locked" });
    expect(setup.link().isClosed).toBe(true);
  });

  it("goes without a trace", async () => {
    const setup = setUp();
    await waitInLobby(setup);
    setup.session.leave();
    expect(setup.link().isClosed).toBe(true);
    expect(setup.socket().readyState).toBe(3);
  });
});

describe("in the room", () => {
  it("tells mute and unmute, once each", async () => {
    const setup = setUp();
    await join(setup);
    await setup.capture.setMicrophone(false);
    await setup.capture.setMicrophone(true);
    const told = setup.socket().sent.filter(({ type }) => type === "set_track");
    expect(told).toMatchObject([
      { source: "microphone", live: false },
      { source: "microphone", live: true },
    ]);
  });

  it("obeys a moderator's mute without telling the server what it knows", async () => {
    const setup = setUp();
    await join(setup);
    const sent = setup.socket().sent.length;
    setup.socket().say({
      type: "track_updated",
      seq: 1,
      participant: "me",
      track: track("me", "microphone", false),
      by_moderator: true,
    });
    await settle();
    expect(setup.capture.state.get().microphone.on).toBe(false);
    expect(setup.link().sent(0)).toBeNull();
    expect(setup.socket().sent).toHaveLength(sent);
    expect(setup.notices).toEqual([{ kind: "muted_by_moderator", source: "microphone" }]);
    await setup.capture.setMicrophone(true);
    expect(setup.socket().last()).toMatchObject({ type: "set_track", live: true });
  });

  it("reports a refused request", async () => {
    const setup = setUp();
    await join(setup);
    setup.session.lockRoom(true);
    setup
      .socket()
      .say({ type: "error", code: "forbidden", message: "", id: setup.socket().idOf("lock_room") });
    await settle();
    expect(setup.notices).toEqual([{ kind: "failed", problem: "forbidden" }]);
  });

  it("asks for a cap on the video, and for none", async () => {
    const setup = setUp();
    await join(setup);
    setup.session.capVideo(0);
    expect(setup.socket().last()).toMatchObject({ type: "cap_video", kbps: 0 });
    setup.session.capVideo(null);
    expect(setup.socket().last()).not.toHaveProperty("kbps");
  });

  it("says goodbye when leaving", async () => {
    const setup = setUp();
    await join(setup);
    setup.session.leave();
    expect(setup.socket().last()).toEqual({ type: "leave" });
    expect(setup.link().isClosed).toBe(true);
    expect(phase(setup)).toEqual({ name: "ended", reason: "left" });
  });

  it("ends when the session goes on in another connection, and does not take it back", async () => {
    const setup = setUp();
    await join(setup);
    setup.socket().cut(4000);
    expect(phase(setup)).toEqual({ name: "ended", reason: "replaced" });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(setup.sockets).toHaveLength(1);
  });

  it.each(["removed", "room_ended"] as const)("ends when %s", async (reason) => {
    const setup = setUp();
    await join(setup);
    setup.socket().say({ type: "ended", seq: 1, reason });
    expect(phase(setup)).toEqual({ name: "ended", reason });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(setup.sockets).toHaveLength(1);
  });
});

describe("a cut", () => {
  it("of signalling is shown and resumed; the media path stays, the view is told again", async () => {
    const setup = setUp();
    await join(setup);
    setup.session.setView([{ track: "a-camera", width: 10, height: 10 }]);
    setup.socket().cut();
    expect(phase(setup)).toEqual({ name: "reconnecting" });
    await vi.advanceTimersByTimeAsync(400);
    setup.socket().open();
    await settle();
    setup
      .socket()
      .say(joined({ id: setup.socket().idOf("resume"), participants: [person("me"), person("b")] }));
    await settle();
    expect(phase(setup)).toEqual({ name: "joined" });
    expect(setup.session.state.get().room?.participants.map(({ id }) => id)).toEqual(["me", "b"]);
    expect(setup.socket().last()).toMatchObject({ type: "set_view", tiles: [{ track: "a-camera" }] });
    expect(setup.links).toHaveLength(1);
  });

  it("of the media path is mended by an ICE restart", async () => {
    const setup = setUp();
    await join(setup);
    setup.link().becomes("failed");
    await settle();
    expect(phase(setup)).toEqual({ name: "reconnecting" });
    expect(setup.socket().last()).toMatchObject({ type: "offer", sdp: "offer 2" });
    setup.socket().say({
      type: "answer",
      id: setup.socket().idOf("offer"),
      sdp: "again",
      audio_mids: ["6"],
      video_slots: [{ mid: "4" }],
    });
    await settle();
    setup.link().becomes("connected");
    expect(phase(setup)).toEqual({ name: "joined" });
    expect(setup.link().answers).toEqual(["answer", "again"]);
    expect(setup.session.state.get().room?.audioMids).toEqual(["6"]);
  });

  it("that the server noticed gets a new transport with the same tracks", async () => {
    const setup = setUp();
    await join(setup);
    setup.socket().say({ type: "media_restart_needed", seq: 1 });
    await settle();
    expect(setup.links).toHaveLength(2);
    expect(setup.links[0]?.isClosed).toBe(true);
    expect(setup.link().sent(0)).toBe(setup.capture.state.get().microphone.track);
    expect(setup.socket().last()).toMatchObject({
      type: "offer",
      sdp: "offer 1",
      tracks: [{ live: true }, { live: true }, {}, {}],
    });
  });

  it("takes a new transport when the restart is refused", async () => {
    const setup = setUp();
    await join(setup);
    setup.link().becomes("failed");
    await settle();
    setup.socket().say({ type: "error", code: "bad_offer", message: "", id: setup.socket().idOf("offer") });
    await settle();
    expect(setup.links).toHaveLength(2);
  });

  it("that outlasts the session leads to joining anew, with the same devices", async () => {
    const setup = setUp();
    await join(setup);
    setup.socket().cut();
    await vi.advanceTimersByTimeAsync(400);
    setup.socket().open();
    await settle();
    setup
      .socket()
      .say({ type: "error", code: "session_expired", message: "", id: setup.socket().idOf("resume") });
    await settle();
    expect(phase(setup)).toEqual({ name: "reconnecting" });
    await answerJoin(setup);
    expect(phase(setup)).toEqual({ name: "joined" });
    expect(setup.links).toHaveLength(2);
    expect(setup.link().sent(1)).toBe(setup.capture.state.get().camera.track);
    const { room } = setup.session.state.get();
    expect(trackOf(room?.participants[0], "camera")?.live).toBe(true);
  });

  it("survives a server's restart, and gives up when it stays away", async () => {
    const setup = setUp();
    await join(setup);
    setup.socket().say({ type: "ended", seq: 1, reason: "server_stopped" });
    await vi.advanceTimersByTimeAsync(30_000);
    expect(phase(setup)).toEqual({ name: "reconnecting" });
    await vi.advanceTimersByTimeAsync(120_000);
    expect(phase(setup)).toEqual({ name: "ended", reason: "server_stopped" });
  });

  it("ends at once when the room is no longer open to this person", async () => {
    const setup = setUp();
    await join(setup);
    setup.socket().say({ type: "ended", seq: 1, reason: "media_lost" });
    setup.socket().open();
    await settle();
    setup.socket().say({ type: "error", code: "room_locked", message: "", id: setup.socket().idOf("join") });
    await settle();
    expect(phase(setup)).toEqual({ name: "ended", reason: "server_stopped" });
  });
});
