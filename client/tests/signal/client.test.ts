import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Joined, ServerEvent } from "../../src/protocol/index.ts";
import { SignalClient, type SignalState } from "../../src/signal/client.ts";
import { RequestRefused, SignalLost } from "../../src/signal/errors.ts";
import { FakeSocket, joined } from "./fake-socket.ts";

const JOIN = { type: "join", room: "r", name: "Ana", sdp: "offer", tracks: [] } as const;

function setUp() {
  const sockets: FakeSocket[] = [];
  const states: SignalState[] = [];
  const events: ServerEvent[] = [];
  const resumes: Joined[] = [];
  const client = new SignalClient({
    url: "ws://test/ws",
    openSocket: () => {
      const socket = new FakeSocket();
      sockets.push(socket);
      return socket;
    },
    backoff: { firstMs: 300, maxMs: 4_000, jitter: 0 },
    now: () => Date.now(),
  });
  client.listener = {
    onSignalState: (state) => states.push(state),
    onEvent: (event) => events.push(event),
    onResumed: (state) => resumes.push(state),
  };
  const socket = (index = sockets.length - 1): FakeSocket => {
    const found = sockets[index];
    if (!found) throw new Error("no such socket");
    return found;
  };
  return { client, sockets, socket, states, events, resumes };
}

async function join(setup: ReturnType<typeof setUp>, seq = 0): Promise<void> {
  const joining = setup.client.join(JOIN);
  setup.socket().open();
  await vi.advanceTimersByTimeAsync(0);
  setup.socket().say(joined({ id: setup.socket().idOf("join"), seq }));
  await joining;
}

/** Cuts the connection and lets the next attempt reach the server. */
async function cutAndReconnect(setup: ReturnType<typeof setUp>): Promise<void> {
  setup.socket().cut();
  await vi.advanceTimersByTimeAsync(300);
  setup.socket().open();
  await vi.advanceTimersByTimeAsync(0);
}

const speakers = (seq: number): ServerEvent => ({ type: "speakers", seq, audio: [], speaking: [] });

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("joining", () => {
  it("sends the offer first and returns the state of the room", async () => {
    const setup = setUp();
    await join(setup);
    expect(setup.socket().sent[0]).toMatchObject({ type: "join", room: "r", name: "Ana", sdp: "offer" });
    expect(setup.client.state).toBe("open");
  });

  it("uses the socket that was opened ahead", async () => {
    const setup = setUp();
    setup.client.open().catch(() => {});
    setup.socket().open();
    await vi.advanceTimersByTimeAsync(0);
    const joining = setup.client.join(JOIN);
    await vi.advanceTimersByTimeAsync(0);
    setup.socket().say(joined({ id: setup.socket().idOf("join") }));
    await joining;
    expect(setup.sockets).toHaveLength(1);
  });

  it("says nothing of a socket that was opened ahead and waited too long", async () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    const setup = setUp();
    setup.client.open().catch(() => {});
    setup.socket().open();
    await vi.advanceTimersByTimeAsync(0);
    setup.socket().say({ type: "error", code: "not_joined", message: "No join came in time." });
    setup.socket().cut(1008);
    expect(warn).not.toHaveBeenCalled();
    await join(setup);
    setup.socket().say({ type: "error", code: "bad_message", message: "" });
    expect(warn).toHaveBeenCalledOnce();
    warn.mockRestore();
  });

  it("opens another socket when the one opened ahead was closed meanwhile", async () => {
    const setup = setUp();
    setup.client.open().catch(() => {});
    setup.socket().open();
    await vi.advanceTimersByTimeAsync(0);
    setup.socket().cut();
    await join(setup);
    expect(setup.sockets).toHaveLength(2);
  });

  it("says with the server's word why it was refused", async () => {
    const setup = setUp();
    const joining = setup.client.join(JOIN);
    setup.socket().open();
    await vi.advanceTimersByTimeAsync(0);
    setup
      .socket()
      .say({ type: "error", code: "room_locked", message: "locked", id: setup.socket().idOf("join") });
    await expect(joining).rejects.toMatchObject({ name: "RequestRefused", code: "room_locked" });
  });

  it("fails when nothing answers", async () => {
    const setup = setUp();
    const joining = setup.client.join(JOIN);
    const failing = expect(joining).rejects.toBeInstanceOf(SignalLost);
    await vi.advanceTimersByTimeAsync(10_000);
    await failing;
  });

  it("can be given up", async () => {
    const setup = setUp();
    const controller = new AbortController();
    const joining = setup.client.join(JOIN, controller.signal);
    const failing = expect(joining).rejects.toThrow("enough");
    controller.abort(new Error("enough"));
    await failing;
  });
});

describe("requests", () => {
  it("pairs replies by id, whatever their order", async () => {
    const setup = setUp();
    await join(setup);
    const first = setup.client.request({ type: "lock_room", locked: true });
    const firstId = setup.socket().idOf("lock_room");
    const second = setup.client.request({ type: "end_room" });
    setup
      .socket()
      .say({ type: "error", code: "forbidden", message: "no", id: setup.socket().idOf("end_room") });
    setup.socket().say({ type: "ok", id: firstId });
    await expect(first).resolves.toMatchObject({ type: "ok" });
    await expect(second).rejects.toBeInstanceOf(RequestRefused);
  });

  it("are refused before joining and after leaving", async () => {
    const setup = setUp();
    await expect(setup.client.request({ type: "end_room" })).rejects.toBeInstanceOf(SignalLost);
    await join(setup);
    setup.client.leave();
    await expect(setup.client.request({ type: "end_room" })).rejects.toBeInstanceOf(SignalLost);
  });
});

describe("events", () => {
  it("come once each, though the server repeats them", async () => {
    const setup = setUp();
    await join(setup, 5);
    setup.socket().say(speakers(5));
    setup.socket().say(speakers(6));
    setup.socket().say(speakers(6));
    setup.socket().say(speakers(7));
    expect(setup.events.map(({ seq }) => seq)).toEqual([6, 7]);
  });

  it("end the session for good when the server says so", async () => {
    const setup = setUp();
    await join(setup);
    setup.socket().say({ type: "ended", seq: 1, reason: "removed" });
    setup.socket().cut();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(setup.client.state).toBe("closed");
    expect(setup.sockets).toHaveLength(1);
  });
});

describe("a cut connection", () => {
  it("resumes the session after the last event seen", async () => {
    const setup = setUp();
    await join(setup, 3);
    setup.socket().say(speakers(4));
    await cutAndReconnect(setup);
    expect(setup.socket().last()).toMatchObject({ type: "resume", session: "secret", last_seq: 4 });
    expect(setup.client.state).toBe("resuming");
    setup.socket().say(joined({ id: setup.socket().idOf("resume"), seq: 9 }));
    await vi.advanceTimersByTimeAsync(0);
    expect(setup.client.state).toBe("open");
    expect(setup.resumes).toHaveLength(1);
    setup.socket().say(speakers(9));
    setup.socket().say(speakers(10));
    expect(setup.events.map(({ seq }) => seq)).toEqual([4, 10]);
  });

  it("delivers the events that the server sends before the resumed state", async () => {
    const setup = setUp();
    await join(setup, 3);
    await cutAndReconnect(setup);
    setup.socket().say(speakers(4));
    expect(setup.events.map(({ seq }) => seq)).toEqual([4]);
  });

  it("sends unanswered requests again, with their ids, and no answered one", async () => {
    const setup = setUp();
    await join(setup);
    const answered = setup.client.request({ type: "lock_room", locked: true });
    setup.socket().say({ type: "ok", id: setup.socket().idOf("lock_room") });
    await answered;
    const chat = setup.client.request({ type: "send_chat", key: "k", text: "hello" });
    const id = setup.socket().idOf("send_chat");
    await cutAndReconnect(setup);
    const during = setup.client.request({ type: "set_track", source: "microphone", live: false });
    setup.socket().say(joined({ id: setup.socket().idOf("resume") }));
    await vi.advanceTimersByTimeAsync(0);
    const types = setup.socket().sent.map(({ type }) => type);
    expect(types).toEqual(["resume", "send_chat", "set_track"]);
    expect(setup.socket().idOf("send_chat")).toBe(id);
    setup.socket().say({ type: "ok", id });
    setup.socket().say({ type: "ok", id: setup.socket().idOf("set_track") });
    await expect(chat).resolves.toMatchObject({ type: "ok" });
    await expect(during).resolves.toMatchObject({ type: "ok" });
  });

  it("waits longer from attempt to attempt", async () => {
    const setup = setUp();
    await join(setup);
    setup.socket().cut();
    const startedAt: number[] = [];
    for (let attempt = 1; attempt <= 3; attempt++) {
      const before = Date.now();
      while (setup.sockets.length <= attempt) await vi.advanceTimersByTimeAsync(50);
      startedAt.push(Date.now() - before);
      setup.socket().cut();
    }
    expect(startedAt).toEqual([300, 600, 1200]);
  });

  it("tries at once when told that the network is back", async () => {
    const setup = setUp();
    await join(setup);
    setup.socket().cut();
    setup.client.hurry();
    await vi.advanceTimersByTimeAsync(0);
    expect(setup.sockets).toHaveLength(2);
  });

  it("expires when the server no longer knows the session", async () => {
    const setup = setUp();
    await join(setup);
    const waiting = setup.client.request({ type: "end_room" });
    const failing = expect(waiting).rejects.toBeInstanceOf(SignalLost);
    await cutAndReconnect(setup);
    setup
      .socket()
      .say({ type: "error", code: "session_expired", message: "", id: setup.socket().idOf("resume") });
    await failing;
    expect(setup.client.state).toBe("expired");
    expect(setup.states).toEqual(["open", "resuming", "expired"]);
  });

  it("expires when the server stays away", async () => {
    const setup = setUp();
    await join(setup);
    setup.socket().cut();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(setup.client.state).toBe("expired");
  });

  it("survives being cut again while resuming", async () => {
    const setup = setUp();
    await join(setup);
    await cutAndReconnect(setup);
    setup.socket().cut();
    await vi.advanceTimersByTimeAsync(600);
    setup.socket().open();
    await vi.advanceTimersByTimeAsync(0);
    setup.socket().say(joined({ id: setup.socket().idOf("resume") }));
    await vi.advanceTimersByTimeAsync(0);
    expect(setup.client.state).toBe("open");
    await cutAndReconnect(setup);
    expect(setup.socket().last()).toMatchObject({ type: "resume" });
  });
});

describe("a connection that looks open and is dead", () => {
  it("is pinged when silent, and resumed when no answer comes", async () => {
    const setup = setUp();
    await join(setup);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(setup.socket().last()).toEqual({ type: "ping" });
    await vi.advanceTimersByTimeAsync(8_000);
    expect(setup.states).toContain("resuming");
    expect(setup.sockets.length).toBeGreaterThan(1);
  });

  it("is left alone while pongs come", async () => {
    const setup = setUp();
    await join(setup);
    for (let second = 0; second < 60; second++) {
      await vi.advanceTimersByTimeAsync(1_000);
      if (setup.socket().last().type === "ping") setup.socket().say({ type: "pong" });
    }
    expect(setup.states).toEqual(["open"]);
  });

  it("is found out in the lobby too, and the join takes another", async () => {
    const setup = setUp();
    setup.client.open().catch(() => {});
    setup.socket().open();
    await vi.advanceTimersByTimeAsync(0);
    const preparing = setup.client.prepare({ type: "prepare", room: "r", sdp: "offer", tracks: [] });
    setup.socket().say({ type: "prepared", id: setup.socket().idOf("prepare"), sdp: "answer" });
    await preparing;
    await vi.advanceTimersByTimeAsync(18_000);
    expect(setup.socket().last()).toEqual({ type: "ping" });
    expect(setup.client.isUp).toBe(false);
    await join(setup);
    expect(setup.sockets).toHaveLength(2);
    expect(setup.client.state).toBe("open");
  });

  it("is not asked about once it is known to be cut", async () => {
    const setup = setUp();
    setup.client.open().catch(() => {});
    setup.socket().open();
    await vi.advanceTimersByTimeAsync(0);
    setup.socket().cut();
    expect(vi.getTimerCount()).toBe(0);
  });
});
