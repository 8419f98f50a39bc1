/** Entry of the page: decides by the address what to show, and builds what the room page needs. */
import { cameraPlan } from "./media/camera.ts";
import { MediaTransport } from "./media/transport.ts";
import { RoomSession } from "./room/session.ts";
import { SignalClient } from "./signal/client.ts";
import "./styles/index.css";
import { i18n } from "./ui/element.ts";
import "./ui/landing.ts";
import { type OpenSession, RoomPage } from "./ui/room-page.ts";

/** As many as the layout can show. */
const DESKTOP_SLOTS = 25;
const PHONE_SLOTS = 9;
/** Most rooms are small, and every slot costs time to join: more are asked for when they are needed. */
const FIRST_SLOTS = { videoSlots: 9, audioSlots: 8 };

const openSession: OpenSession = (room, token, capture) => {
  const isPhone = Math.min(screen.width, screen.height) < 600;
  return new RoomSession({
    room,
    token,
    capture,
    videoSlots: isPhone ? PHONE_SLOTS : DESKTOP_SLOTS,
    openTransport: () => new MediaTransport({ ...FIRST_SLOTS, camera: cameraPlan().encodings }),
    openSignal: () => new SignalClient({ url: signallingUrl() }),
    newKey,
  });
};

function signallingUrl(): string {
  return `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}/ws`;
}

/** `crypto.randomUUID` exists over HTTPS only. */
function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function roomOf(path: string): string | null {
  const match = /^\/r\/([^/]+)\/?$/u.exec(path);
  if (!match?.[1]) return null;
  try {
    return decodeURIComponent(match[1]);
  } catch {
    return null;
  }
}

function start(): void {
  const followLanguage = () => {
    document.documentElement.lang = i18n.language.get();
  };
  i18n.language.subscribe(followLanguage);
  followLanguage();
  const room = roomOf(location.pathname);
  if (room === null) {
    document.body.append(document.createElement("meet-landing"));
    return;
  }
  const page = new RoomPage();
  page.room = room;
  page.openSession = openSession;
  document.body.append(page);
}

start();
