/** Drawn stand-ins for cameras and screens, so that the gallery looks like a call. Not shipped. */

const SKINS = ["#f2c9a5", "#8d5b3f", "#e0a97e", "#c98b62", "#fadcc4", "#6b4230"];
const HAIR = ["#2b1d14", "#6b3f1d", "#15131a", "#b5803a", "#8a8d94", "#4a2a1b"];
const CLOTHES = ["#3d5a80", "#9b2f4b", "#40716a", "#71558f", "#b86b2c", "#35424f", "#d9d4c7", "#2f6f9f"];
const ROOMS = [
  ["#c8d3d9", "#a9b7bf"],
  ["#d9cbb8", "#bfae96"],
  ["#b7c7b4", "#93a890"],
  ["#cdc3d8", "#aa9dba"],
  ["#e0d6cf", "#c0aea3"],
  ["#a8b8cc", "#8396b0"],
];

type Draw = (context: CanvasRenderingContext2D, time: number) => void;

function streamOf(width: number, height: number, draw: Draw): MediaStream {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  if (!context) throw new Error("no canvas");
  const paint = () => draw(context, performance.now() / 1000);
  paint();
  setInterval(paint, 200);
  return canvas.captureStream(5);
}

function pick<T>(from: readonly T[], seed: number): T {
  return from[seed % from.length] as T;
}

export function personStream(seed: number): MediaStream {
  return streamOf(640, 360, (c, time) => {
    drawRoom(c, seed);
    c.save();
    c.translate(320 + Math.sin(time + seed) * 3, 372 + Math.sin(time * 1.3 + seed) * 2);
    drawPerson(c, seed);
    c.restore();
  });
}

function drawRoom(c: CanvasRenderingContext2D, seed: number): void {
  const [light, dark] = pick(ROOMS, seed * 5 + 1) as [string, string];
  const wall = c.createLinearGradient(0, 0, 640, 360);
  wall.addColorStop(0, light);
  wall.addColorStop(1, dark);
  c.fillStyle = wall;
  c.fillRect(0, 0, 640, 360);
  c.fillStyle = "rgba(255,255,255,.35)";
  if (seed % 3 === 0) {
    c.fillRect(60, 40, 120, 150);
    c.fillStyle = "rgba(120,160,200,.35)";
    c.fillRect(68, 48, 104, 134);
  } else if (seed % 3 === 1) {
    for (let shelf = 0; shelf < 3; shelf++) {
      c.fillStyle = "rgba(70,50,35,.5)";
      c.fillRect(440, 90 + shelf * 70, 170, 7);
      for (let book = 0; book < 9; book++) {
        c.fillStyle = pick(CLOTHES, seed + book * 3 + shelf);
        c.globalAlpha = 0.65;
        c.fillRect(446 + book * 17, 50 + shelf * 70 + (book % 3) * 5, 13, 40 - (book % 3) * 5);
        c.globalAlpha = 1;
      }
    }
  } else {
    c.fillStyle = "rgba(60,110,70,.55)";
    for (let leaf = 0; leaf < 7; leaf++) {
      c.beginPath();
      c.ellipse(545 + Math.cos(leaf) * 40, 190 + Math.sin(leaf * 2) * 55, 18, 46, leaf, 0, 7);
      c.fill();
    }
    c.fillStyle = "rgba(120,80,55,.8)";
    c.fillRect(520, 250, 52, 80);
  }
}

function drawPerson(c: CanvasRenderingContext2D, seed: number): void {
  const skin = pick(SKINS, seed * 5 + (seed >> 1));
  const hair = pick(HAIR, seed + (seed >> 2));
  const isLong = seed % 2 === 0;
  c.fillStyle = hair;
  if (isLong) ellipse(c, 0, -190, 84, 120);
  c.fillStyle = pick(CLOTHES, seed * 5);
  c.beginPath();
  c.moveTo(-190, 10);
  c.bezierCurveTo(-180, -110, -90, -112, 0, -112);
  c.bezierCurveTo(90, -112, 180, -110, 190, 10);
  c.fill();
  c.fillStyle = skin;
  c.fillRect(-28, -150, 56, 52);
  ellipse(c, 0, -102, 28, 18);
  ellipse(c, 0, -212, 64, 80);
  c.fillStyle = hair;
  c.beginPath();
  c.ellipse(0, -232, 70, 68, 0, Math.PI, 0);
  c.quadraticCurveTo(40, -262, 4, -258);
  c.quadraticCurveTo(-44, -262, -70, -228);
  c.fill();
  c.fillStyle = "#2a2320";
  ellipse(c, -24, -212, 6, 7);
  ellipse(c, 24, -212, 6, 7);
  c.strokeStyle = "rgba(120,40,40,.75)";
  c.lineWidth = 5;
  c.lineCap = "round";
  c.beginPath();
  c.arc(0, -188, 22, 0.3, Math.PI - 0.3);
  c.stroke();
}

function ellipse(c: CanvasRenderingContext2D, x: number, y: number, rx: number, ry: number): void {
  c.beginPath();
  c.ellipse(x, y, rx, ry, 0, 0, 7);
  c.fill();
}

/** A slide with a chart. */
export function screenStream(): MediaStream {
  return streamOf(1600, 900, (c) => {
    c.fillStyle = "#fff";
    c.fillRect(0, 0, 1600, 900);
    c.fillStyle = "#20242d";
    c.font = "700 60px sans-serif";
    c.fillText("Third quarter", 110, 160);
    c.fillStyle = "#6b7280";
    c.font = "32px sans-serif";
    c.fillText("Visits a week, in thousands", 110, 220);
    const values = [42, 55, 51, 68, 74, 70, 88, 97, 93, 112];
    for (const [index, value] of values.entries()) {
      c.fillStyle = index === values.length - 1 ? "#5b57d9" : "#c9c8f3";
      c.fillRect(120 + index * 138, 800 - value * 4.4, 92, value * 4.4);
      c.fillStyle = "#6b7280";
      c.font = "26px sans-serif";
      c.fillText(`${index + 28}`, 150 + index * 138, 846);
    }
  });
}
