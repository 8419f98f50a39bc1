// What the tests ask a page: counts of decoded frames, audio energy, packets, tiles. Installed before the
// page's own scripts; observes the peer connections that the page makes and changes nothing about them,
// but for a detour that the test asks for.
(() => {
  if (globalThis.__probes) return;
  const connections = [];
  // Moments of the join by name, the first of each; see watchFirstFrame.
  const marks = {};
  // When a connection was last up, since the page was asked for.
  let connectedAt = null;
  const mark = (name) => {
    if (marks.join !== undefined) marks[name] ??= performance.now() - marks.join;
  };
  const Native = globalThis.RTCPeerConnection;
  // The address that answers get in place of the server's. It stands in the page's own address, because the page
  // may connect before a test can say anything.
  const relay = /^#detour=(?<host>[^:]+):(?<port>\d+)$/.exec(location.hash)?.groups;
  function detoured({ type, sdp }) {
    if (!relay) return { type, sdp };
    const ours = `a=candidate:1 1 udp 2130706431 ${relay.host} ${relay.port} typ host`;
    const lines = sdp.split("\r\n").map((line) => (line.startsWith("a=candidate:") ? ours : line));
    return { type, sdp: lines.filter((line, index) => line !== ours || lines[index - 1] !== ours).join("\r\n") };
  }
  if (Native) {
    globalThis.RTCPeerConnection = class RTCPeerConnection extends Native {
      constructor(...args) {
        super(...args);
        connections.push(this);
        this.addEventListener("connectionstatechange", () => {
          mark(this.connectionState);
          if (this.connectionState === "connected") connectedAt = performance.now();
        });
      }

      async setRemoteDescription(description) {
        mark("answer");
        await super.setRemoteDescription(detoured(description));
        mark("answerSet");
      }
    };
  }
  const sockets = [];
  const NativeSocket = globalThis.WebSocket;
  globalThis.WebSocket = class WebSocket extends NativeSocket {
    constructor(...args) {
      super(...args);
      sockets.push(this);
    }
  };
  const captured = [];
  const { mediaDevices } = navigator;
  if (mediaDevices) {
    const native = mediaDevices.getUserMedia.bind(mediaDevices);
    mediaDevices.getUserMedia = async (constraints) => {
      const stream = await native(constraints);
      captured.push(...stream.getTracks());
      return stream;
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
      marks: [...all(tile, "[role=img][aria-label]")].map((mark) => mark.getAttribute("aria-label")),
      width: video?.videoWidth ?? 0,
      height: video?.videoHeight ?? 0,
      frames: frames(video),
    };
  }

  const seen = new Map();
  const published = new Map();

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

    // Video codecs that this browser can "send" or "receive".
    codecs(direction) {
      const { codecs } = (direction === "send" ? RTCRtpSender : RTCRtpReceiver).getCapabilities("video");
      return [...new Set(codecs.map(({ mimeType }) => mimeType))];
    },

    // Publishes this page's camera by WHIP in this codec, with these layers: the name of the connection's state.
    async publish(url, mimeType, width, height, scalabilityMode) {
      const stream = await navigator.mediaDevices.getUserMedia({ video: { width, height } });
      const connection = new RTCPeerConnection();
      const sendEncodings = scalabilityMode ? [{ scalabilityMode }] : undefined;
      const line = connection.addTransceiver(stream.getVideoTracks()[0], { direction: "sendonly", sendEncodings });
      const { codecs } = RTCRtpSender.getCapabilities("video");
      line.setCodecPreferences(codecs.filter((codec) => [mimeType, "video/rtx"].includes(codec.mimeType)));
      if (scalabilityMode) {
        // A busy machine shall make fewer pictures, not smaller ones.
        const parameters = line.sender.getParameters();
        parameters.degradationPreference = "maintain-resolution";
        await line.sender.setParameters(parameters);
      }
      await connection.setLocalDescription();
      const answer = await fetch(url, {
        method: "POST",
        headers: { "Content-Type": "application/sdp" },
        body: connection.localDescription.sdp,
      });
      if (answer.status !== 201) throw new Error(`${answer.status} ${await answer.text()}`);
      await connection.setRemoteDescription({ type: "answer", sdp: await answer.text() });
      published.set(url, answer.headers.get("Location"));
      return connection.connectionState;
    },

    // Ends what was published there: the status of the server's answer.
    async unpublish(url) {
      return (await fetch(published.get(url), { method: "DELETE" })).status;
    },

    // Plays by WHEP over one m-line: the status of the server's answer.
    async play(url) {
      const connection = new RTCPeerConnection();
      connection.addTransceiver("video", { direction: "recvonly" });
      connection.ontrack = ({ track }) => {
        // Decoded whether or not the page is looked at.
        const video = document.body.appendChild(document.createElement("video"));
        video.muted = true;
        video.srcObject = new MediaStream([track]);
        video.play();
      };
      await connection.setLocalDescription();
      const answer = await fetch(url, {
        method: "POST",
        headers: { "Content-Type": "application/sdp" },
        body: connection.localDescription.sdp,
      });
      if (answer.status === 201)
        await connection.setRemoteDescription({ type: "answer", sdp: await answer.text() });
      return answer.status;
    },

    // Decoded frames by codec.
    async decoded() {
      const frames = {};
      for (const connection of alive()) {
        const reports = await connection.getStats();
        for (const report of reports.values()) {
          if (report.type !== "inbound-rtp" || report.kind !== "video" || !report.framesDecoded) continue;
          const codec = reports.get(report.codecId)?.mimeType ?? "";
          frames[codec] = (frames[codec] ?? 0) + report.framesDecoded;
        }
      }
      return frames;
    },

    tiles(source) {
      return [...all(document, "[data-participant][data-source]")]
        .filter((tile) => tile.dataset.source === source)
        .map(describe);
    },

    // Decoded frames of each tile of this source.
    frames(source) {
      return this.tiles(source).map((tile) => tile.frames);
    },

    // Devices that are open now: each keeps its light on.
    openDevices() {
      return captured.filter((track) => track.readyState === "live").map((track) => track.kind);
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

    // Packets that did not come, and samples that were made up for them.
    async lostSound() {
      const sum = { packets: 0, concealed: 0 };
      for (const { packetsLost = 0, concealedSamples = 0 } of await stats("audio")) {
        sum.packets += packetsLost;
        sum.concealed += concealedSamples;
      }
      return sum;
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

    // What the page takes of its camera, and which layers it lets the browser send.
    cameras() {
      const cameras = [];
      for (const connection of alive()) {
        for (const sender of connection.getSenders()) {
          if (sender.track?.kind !== "video") continue;
          const { encodings } = sender.getParameters();
          cameras.push({
            width: sender.track.getSettings().width,
            rids: encodings.map((encoding) => encoding.rid),
            active: encodings.filter((encoding) => encoding.active).map((encoding) => encoding.rid),
          });
        }
      }
      return cameras;
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

    // Whether the button with this text can be pressed; null if there is none.
    canPress(words) {
      const found = [...document.querySelectorAll("button")].find((each) => each.innerText.trim() === words);
      return found ? !found.disabled : null;
    },

    // Whether any of the first covers the second; null unless both are there.
    overlap(first, second) {
      const boxes = (selector) => [...document.querySelectorAll(selector)].map((e) => e.getBoundingClientRect());
      const [under] = boxes(second);
      const over = boxes(first);
      if (!under || over.length === 0) return null;
      const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
      return over.some((each) => meet(each, under));
    },

    // From the press of Join on, notes when each step was done: see joinMarks.
    watchFirstFrame() {
      const pressed = (event) => {
        const button = event.composedPath().find((node) => node.tagName === "BUTTON");
        const name = button?.getAttribute("aria-label") ?? button?.innerText?.trim();
        if (name === "Join") marks.join = performance.now();
      };
      document.addEventListener("click", pressed, { capture: true });
      const poll = () => {
        if (this.tiles("camera").some((tile) => tile.track)) mark("tile");
        if (this.tiles("camera").some((tile) => tile.frames > 0)) mark("frame");
        else requestAnimationFrame(poll);
      };
      requestAnimationFrame(poll);
      return true;
    },

    // Before the call: milliseconds from the page's request until its media path was connected, if it is.
    lobby() {
      return alive().some((c) => c.connectionState === "connected") ? connectedAt : null;
    },

    // Frames of the own picture before the call.
    mirrorFrames() {
      return frames(all(document, ".mirror-picture video").next().value);
    },

    // As if the server had ended them.
    closeSockets() {
      for (const socket of sockets) socket.close();
      return true;
    },

    // RTP packets that left this page.
    async sent() {
      let packets = 0;
      for (const connection of alive()) {
        for (const report of (await connection.getStats()).values()) {
          if (report.type === "outbound-rtp") packets += report.packetsSent ?? 0;
        }
      }
      return packets;
    },

    // Milliseconds from the press of Join to each step, once a remote frame was decoded.
    joinMarks() {
      return marks.frame === undefined ? null : { ...marks, join: 0 };
    },

    // Asks the server for this one picture; milliseconds until its slot was assigned, until its tile has a
    // frame whose lower right corner is (or is not) of this colour, by which a frame of the picture before is
    // told apart, and until the page lets it be seen.
    async switchTo(track, colour, isOfColour) {
      const started = performance.now();
      const taken = {};
      const view = { type: "set_view", tiles: [{ track, width: 640, height: 360, stage: true }] };
      const socket = sockets.findLast((each) => each.readyState === 1);
      const heard = ({ data }) => {
        if (JSON.parse(data).type === "slots") taken.assigned ??= performance.now() - started;
      };
      socket.addEventListener("message", heard);
      socket.send(JSON.stringify(view));
      const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
      while (performance.now() - started < 20000) {
        await new Promise(requestAnimationFrame);
        const tile = [...all(document, `[data-track="${track}"]`)][0];
        const video = tile && videoOf(tile);
        if (!video?.videoWidth) continue;
        context.drawImage(video, 0, 0, 16, 16);
        const corner = context.getImageData(14, 14, 1, 1).data;
        const isNear = colour.every((value, index) => Math.abs(value - corner[index]) < 24);
        if (corner[3] > 0 && isNear === isOfColour) taken.frame ??= performance.now() - started;
        if (taken.frame === undefined || getComputedStyle(video).opacity === "0") continue;
        socket.removeEventListener("message", heard);
        return { ...taken, shown: performance.now() - started };
      }
      return null;
    },
  };
})();
