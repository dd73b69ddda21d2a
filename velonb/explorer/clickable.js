// Shows the picture of a map and reports the pixel or the range of values that the hand chooses.

const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
const SHORTCUTS = ["n", "r", "p", "[", "]", "?"];
const LENS = { pixels: 15, zoom: 8 };

const PATIENCE = 5000; // ms
const SILENT =
  "The kernel does not answer. It is busy, or it was restarted or shut down: then run the cell again.";

const clamp = (x, low, high) => Math.min(Math.max(x, low), high);
const inside = ([x, y], [left, top, width, height]) =>
  x >= left && x < left + width && y >= top && y < top + height;

function render({ model, el }) {
  const canvas = document.createElement("canvas");
  canvas.className = "velonb-map";
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application");
  Object.assign(canvas.style, { display: "block", touchAction: "none" });
  el.appendChild(canvas);
  const silence = document.createElement("div");
  silence.setAttribute("role", "alert");
  el.appendChild(silence);
  let waiting = 0;
  const context = canvas.getContext("2d");
  const picture = new Image();
  picture.onload = draw;
  let current = null; // where the hand is, until the kernel has followed
  let forget = 0;
  let serial = Date.now(); // picking the same pixel twice is two messages
  let start = 0; // where a brush began
  let range = null;
  let hand = null; // "pick" or "brush" while a button is down
  let hover = null;

  const geometry = () => model.get("geometry");
  const marks = () => model.get("marks");

  function load() {
    URL.revokeObjectURL(picture.src);
    picture.src = URL.createObjectURL(new Blob([model.get("picture")], { type: "image/png" }));
  }

  function send(name, ...values) {
    serial += 1;
    model.set(name, [...values, serial]);
    model.save_changes();
    clearTimeout(waiting);
    waiting = setTimeout(() => (silence.textContent = SILENT), PATIENCE);
  }

  function answered() {
    clearTimeout(waiting);
    silence.textContent = "";
  }

  function draw() {
    // Traits come one by one: before there is a place for the marks there is nothing to draw.
    if (!geometry().size || !marks().current) return;
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = geometry().size;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    Object.assign(canvas.style, { width: "100%", maxWidth: `${width}px`, aspectRatio: `${width} / ${height}` });
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.imageSmoothingEnabled = false;
    if (picture.width) context.drawImage(picture, 0, 0, width, height);
    drawRange();
    for (const [row, column, colour] of marks().pins) ring(row, column, colour, 6);
    const [row, column] = current ?? marks().current;
    cross(row, column);
    ring(row, column, geometry().colour, 7);
    if (hover && !hand) drawLens(...hover);
  }

  // Left, top, width and height of a pixel in the picture.
  function box(row, column) {
    const { map, shape } = geometry();
    const [width, height] = [map[2] / shape[1], map[3] / shape[0]];
    return [map[0] + column * width, map[1] + row * height, width, height];
  }

  function centre(row, column) {
    const [left, top, width, height] = box(row, column);
    return [left + width / 2, top + height / 2];
  }

  function ring(row, column, colour, radius) {
    for (const [style, thickness] of [["white", 4], [colour, 2]]) {
      context.beginPath();
      context.arc(...centre(row, column), radius, 0, 2 * Math.PI);
      frame(style, thickness);
      context.stroke();
    }
  }

  function frame(colour, thickness) {
    context.strokeStyle = colour;
    context.lineWidth = thickness;
  }

  function cross(row, column) {
    const [x, y] = centre(row, column);
    const [left, top, width, height] = geometry().map;
    context.fillStyle = "rgba(255, 255, 255, 0.55)";
    context.fillRect(left, y - 0.5, width, 1);
    context.fillRect(x - 0.5, top, 1, height);
  }

  function drawRange() {
    const [left, top, width, height] = geometry().histogram;
    const chosen = hand === "brush" ? range : marks().range;
    if (chosen) {
      frame(geometry().colour, 1.5);
      const [low, high] = chosen;
      context.strokeRect(left, top + (1 - high) * height, width, (high - low) * height);
    }
    if (marks().level !== null && !current) {
      context.fillStyle = geometry().colour;
      context.fillRect(left, top + (1 - marks().level) * height - 1, width, 2);
    }
  }

  function drawLens(row, column) {
    const [left, top, width] = geometry().map;
    const scale = picture.width / geometry().size[0];
    const size = LENS.pixels * LENS.zoom;
    const middle = (LENS.pixels - 1) / 2;
    const side = centre(row, column)[0] < left + width / 2 ? left + width - size - 16 : left + 8;
    const [x, y, wide, high] = box(row - middle, column - middle);
    const from = [x, y, LENS.pixels * wide, LENS.pixels * high].map((each) => each * scale);
    context.fillStyle = "white";
    context.fillRect(side - 3, top + 5, size + 16, size + 40);
    context.save();
    context.beginPath();
    // Of the picture only the map: beyond its edge there are labels.
    const [first, last] = [box(0, 0), box(...geometry().shape)];
    const [toX, toY] = [size / from[2], size / from[3]].map((each) => each * scale);
    context.rect(
      side + (first[0] - x) * toX, top + 8 + (first[1] - y) * toY,
      (last[0] - first[0]) * toX, (last[1] - first[1]) * toY,
    );
    context.clip();
    context.beginPath();
    context.rect(side, top + 8, size, size);
    context.clip();
    context.drawImage(picture, ...from, side, top + 8, size, size);
    context.restore();
    frame(geometry().colour, 1.5);
    const [across, down] = [side + middle * LENS.zoom, top + 8 + middle * LENS.zoom];
    context.strokeRect(across, down, LENS.zoom, LENS.zoom);
    context.fillStyle = "black";
    context.font = "12px sans-serif";
    const [firstRow, firstColumn] = geometry().first;
    context.fillText(`row ${firstRow + row}, column ${firstColumn + column}`, side, top + size + 23);
    context.fillText(`${geometry().name} ${number(row, column)}`, side, top + size + 38);
  }

  function number(row, column) {
    const place = 4 * (row * geometry().shape[1] + column);
    const value = model.get("numbers").getFloat32(place, true);
    if (Number.isNaN(value)) return "no value";
    return geometry().classes[value] ?? Number(value.toPrecision(5)).toString();
  }

  function describe() {
    const { name, first } = geometry();
    if (!name || !marks().current) return;
    const [row, column] = marks().current;
    const here = `row ${first[0] + row}, column ${first[1] + column}`;
    canvas.setAttribute("aria-label", `Map of ${name}; ${here}: ${number(row, column)}`);
  }

  function position(event) {
    const { left, top, width } = canvas.getBoundingClientRect();
    const scale = geometry().size[0] / width;
    return [(event.clientX - left) * scale, (event.clientY - top) * scale];
  }

  function pixelAt([x, y]) {
    const [left, top, width, height] = box(0, 0);
    return onChip(Math.floor((y - top) / height), Math.floor((x - left) / width));
  }

  function onChip(row, column) {
    const [rows, columns] = geometry().shape;
    return [clamp(row, 0, rows - 1), clamp(column, 0, columns - 1)];
  }

  function levelAt([, y]) {
    const [, top, , height] = geometry().histogram;
    return clamp(1 - (y - top) / height, 0, 1);
  }

  function pick([row, column], dragging) {
    current = [row, column];
    clearTimeout(forget);
    forget = setTimeout(follow, 1000, true);
    send("picked", row, column, dragging);
    draw();
  }

  function pointed(event) {
    if (!geometry().size || !marks().current) return;
    // The right and the middle button are the browser's.
    if (event.type === "pointerdown" && event.button !== 0) return;
    const where = position(event);
    const over = ["map", "histogram"].find((part) => inside(where, geometry()[part]));
    canvas.style.cursor = { map: "crosshair", histogram: "ns-resize" }[over] ?? "";
    hover = over === "map" ? pixelAt(where) : null;
    if (hand && event.buttons === 0) hand = null;
    if (event.type === "pointerdown" && over) {
      canvas.setPointerCapture(event.pointerId);
      hand = over === "map" ? "pick" : "brush";
      start = levelAt(where);
      range = [start, start];
    }
    if (hand === "pick") return pick(pixelAt(where), event.type === "pointermove");
    if (hand === "brush") range = [start, levelAt(where)].sort((a, b) => a - b);
    draw();
  }

  canvas.addEventListener("pointerdown", pointed);
  canvas.addEventListener("pointermove", pointed);

  canvas.addEventListener("pointerup", () => {
    if (hand === "brush") send("brushed", ...range);
    hand = null;
    draw();
  });

  canvas.addEventListener("pointerleave", () => {
    hover = null;
    draw();
  });

  canvas.addEventListener("keydown", (event) => {
    if (!STEPS[event.key] || !marks().current) return;
    event.preventDefault();
    event.stopPropagation();
    const [down, right] = STEPS[event.key].map((step) => step * (event.shiftKey ? 10 : 1));
    const [row, column] = current ?? marks().current;
    pick(onChip(row + down, column + right), true);
  });

  // Everywhere in the explorer; JupyterLab would cut the cell at an x there.
  function shortcut(event) {
    const typing = event.target.closest("input:not([type=checkbox]), select, [contenteditable=true]");
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!SHORTCUTS.includes(event.key)) return;
    event.preventDefault();
    send("pressed", event.key);
  }

  // JupyterLab asks the element that has the focus, not those around it.
  const guard = (event) => (event.target.dataset.lmSuppressShortcuts = "true");

  let whole = null;
  const adopt = () => {
    whole = el.closest(".velonb-explorer");
    if (!whole) return void (asked = requestAnimationFrame(adopt));
    whole.addEventListener("focusin", guard);
    whole.tabIndex = -1;
    whole.style.outline = "none";
    whole.addEventListener("keydown", shortcut);
  };
  let asked = requestAnimationFrame(adopt);

  function follow(late = false) {
    const [row, column] = marks().current;
    describe();
    if (current && (late || (row === current[0] && column === current[1]))) current = null;
    draw();
  }

  const marked = () => follow();
  model.on("change:picture", load);
  model.on("change:marks", marked);
  model.on("change:answered", answered);
  model.set("pixel_ratio", window.devicePixelRatio || 1);
  model.set("ready", true);
  model.save_changes();
  load();
  return () => {
    model.off("change:picture", load);
    model.off("change:marks", marked);
    model.off("change:answered", answered);
    clearTimeout(waiting);
    cancelAnimationFrame(asked);
    whole?.removeEventListener("keydown", shortcut);
    whole?.removeEventListener("focusin", guard);
  };
}

export default { render };
