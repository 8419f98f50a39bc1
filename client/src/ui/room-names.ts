/** Names for rooms: friendly ones made up here, and those that people type. Pure apart from chance. */

const ADJECTIVES = [
  "amber",
  "brave",
  "bright",
  "calm",
  "clever",
  "coral",
  "gentle",
  "golden",
  "green",
  "happy",
  "jolly",
  "kind",
  "lively",
  "lucky",
  "mellow",
  "merry",
  "misty",
  "noble",
  "quick",
  "quiet",
  "rosy",
  "silver",
  "sunny",
  "swift",
  "tidy",
  "velvet",
  "warm",
  "wise",
  "witty",
  "young",
];
const NOUNS = [
  "badger",
  "beacon",
  "breeze",
  "canyon",
  "cedar",
  "comet",
  "dolphin",
  "falcon",
  "fern",
  "finch",
  "forest",
  "garden",
  "harbor",
  "island",
  "lagoon",
  "lantern",
  "maple",
  "meadow",
  "orchard",
  "otter",
  "pebble",
  "pine",
  "planet",
  "prairie",
  "river",
  "robin",
  "sparrow",
  "summit",
  "valley",
  "willow",
];
const LONGEST = 64;

/** Three words would collide; the digits make guessing a stranger's room a matter of luck. */
export function inventRoomName(random: (below: number) => number = secureRandom): string {
  const adjective = ADJECTIVES[random(ADJECTIVES.length)];
  const noun = NOUNS[random(NOUNS.length)];
  const digits = String(random(100_000)).padStart(5, "0");
  return `${adjective}-${noun}-${digits}`;
}

/** What was typed, as it can stand in an address: `Team sync!` becomes `team-sync`. */
export function roomNameFrom(typed: string): string {
  return typed
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/[^a-z0-9_]+/gu, "-")
    .replace(/^-+|-+$/gu, "")
    .slice(0, LONGEST);
}

function secureRandom(below: number): number {
  const [number = 0] = crypto.getRandomValues(new Uint32Array(1));
  return number % below;
}
