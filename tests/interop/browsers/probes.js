// What the tests ask a page: counts of decoded frames, audio energy, packets, tiles. Installed before the
// page's own scripts; observes the peer connections that the page makes and changes nothing about them.
(() => {
  if (globalThis.__probes) return;
  const connections = [];
  const Native = globalThis.RTCPeerConnection;
  if (Native) {
    globalThis.RTCPeerConnection = class RTCPeerConnection extends Native {
      constructor(...args) {
        super(...args);
        connections.push(this);
      }
    };
  }
  const alive = () => connections.filter((c) => c.signalingState !== "closed");

  // Elements of the whole page, open shadow roots included.
  function* all(root, selector) {
    yield* root.querySelectorAll(selector);
    for (const element of root.querySelectorAll("*")) {
      if (element.shadowRoot) yield* all(element.shadowRoot, selector);
    }
  }

  const videoOf = (tile) => all(tile, "video").next().value ?? tile.shadowRoot?.querySelector("video") ?? null;

  function frames(video) {
    if (!video) return 0;
    const quality = video.getVideoPlaybackQuality?.();
    return Math.max(quality?.totalVideoFrames ?? 0, video.mozPaintedFrames ?? 0);
  }

  function describe(tile) {
    const video = videoOf(tile);
    return {
      participant: tile.dataset.participant,
      source: tile.dataset.source,
      track: tile.dataset.track ?? "",
      text: tile.innerText ?? "",
      width: video?.videoWidth ?? 0,
      height: video?.videoHeight ?? 0,
      frames: frames(video),
    };
  }

  const seen = new Map();

  async function stats(kind) {
    const reports = [];
    for (const connection of alive()) {
      for (const report of (await connection.getStats()).values()) {
        if (report.type === "inbound-rtp" && report.kind === kind) reports.push(report);
      }
    }
    return reports;
  }

  globalThis.__probes = {
    connections,

    tiles(source) {
      return [...all(document, "[data-participant][data-source]")]
        .filter((tile) => tile.dataset.source === source)
        .map(describe);
    },

    // Tiles, each with whether it decoded frames since it was asked for last.
    progress(source) {
      return this.tiles(source).map((tile) => {
        const key = `${tile.participant} ${tile.source} ${tile.track}`;
        const before = seen.get(key) ?? Number.POSITIVE_INFINITY;
        seen.set(key, tile.frames);
        return { ...tile, moving: tile.frames > before && tile.width > 0 };
      });
    },

    async audioEnergy() {
      const energy = {};
      for (const report of await stats("audio")) energy[report.mid ?? report.id] = report.totalAudioEnergy ?? 0;
      return energy;
    },

    async received(kind) {
      const total = { packets: 0, lost: 0, frames: 0, freezes: 0, keyframes: 0, nacks: 0 };
      for (const report of await stats(kind)) {
        total.packets += report.packetsReceived ?? 0;
        total.lost += report.packetsLost ?? 0;
        total.frames += report.framesDecoded ?? 0;
        total.freezes += report.freezeCount ?? 0;
        total.keyframes += report.keyFramesDecoded ?? 0;
        total.nacks += report.nackCount ?? 0;
      }
      return total;
    },

    async sentLayers() {
      const layers = [];
      for (const connection of alive()) {
        for (const report of (await connection.getStats()).values()) {
          if (report.type === "outbound-rtp" && report.kind === "video" && report.framesEncoded > 0) {
            layers.push({ rid: report.rid ?? "", width: report.frameWidth, frames: report.framesEncoded });
          }
        }
      }
      return layers;
    },

    // Average colour of a tile's picture, 0-255 each.
    colour(participant, source) {
      const tile = [...all(document, `[data-participant="${participant}"][data-source="${source}"]`)][0];
      const video = tile && videoOf(tile);
      if (!video?.videoWidth) return null;
      const canvas = document.createElement("canvas");
      canvas.width = canvas.height = 16;
      const context = canvas.getContext("2d");
      context.drawImage(video, 0, 0, 16, 16);
      const data = context.getImageData(0, 0, 16, 16).data;
      const sum = [0, 0, 0];
      for (let i = 0; i < data.length; i += 4) for (let c = 0; c < 3; c++) sum[c] += data[i + c];
      return sum.map((value) => Math.round(value / (data.length / 4)));
    },

    text() {
      const collect = (root) =>
        [...root.childNodes]
          .map((node) => {
            if (node.nodeType === Node.TEXT_NODE) return node.data;
            if (node.nodeType !== Node.ELEMENT_NODE || ["STYLE", "SCRIPT"].includes(node.tagName)) return "";
            return `${node.shadowRoot ? collect(node.shadowRoot) : ""} ${collect(node)}`;
          })
          .join(" ");
      return collect(document.body);
    },

    shows(words) {
      return this.text().includes(words);
    },

    // Milliseconds from the press of Join to the first decoded remote frame, taken in the page itself.
    watchFirstFrame() {
      const watch = { joined: null, frame: null };
      globalThis.__firstFrame = watch;
      document.addEventListener(
        "click",
        (event) => {
          const button = event.composedPath().find((node) => node.tagName === "BUTTON");
          const name = button?.getAttribute("aria-label") ?? button?.innerText?.trim();
          if (name === "Join") watch.joined = performance.now();
        },
        { capture: true },
      );
      const poll = () => {
        const moving = this.tiles("camera").some((tile) => tile.frames > 0);
        if (moving && watch.joined !== null) watch.frame = performance.now();
        else requestAnimationFrame(poll);
      };
      requestAnimationFrame(poll);
      return true;
    },

    firstFrameMs() {
      const watch = globalThis.__firstFrame;
      return watch?.frame ? watch.frame - watch.joined : null;
    },
  };
})();
