// Shows the picture of a map and reports the pixel or the range of values that the hand chooses.

const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
const LENS = { pixels: 15, zoom: 8 };

const clamp = (x, low, high) => Math.min(Math.max(x, low), high);
const inside = ([x, y], [left, top, width, height]) =>
  x >= left && x < left + width && y >= top && y < top + height;

function render({ model, el }) {
  const canvas = document.createElement("canvas");
  canvas.className = "velonb-map";
  canvas.tabIndex = 0;
  // JupyterLab must not take the arrow keys for its own shortcuts.
  canvas.dataset.lmSuppressShortcuts = "true";
  Object.assign(canvas.style, { maxWidth: "100%", display: "block", touchAction: "none" });
  el.appendChild(canvas);
  const context = canvas.getContext("2d");
  const picture = new Image();
  let current = null; // where the hand is, until the kernel has followed
  let forget = 0;
  let serial = 0; // picking the same pixel twice is two messages
  let range = null;
  let hand = null; // "pick" or "brush" while a button is down
  let hover = null;

  const geometry = () => model.get("geometry");
  const marks = () => model.get("marks");

  function load() {
    const url = URL.createObjectURL(new Blob([model.get("picture")], { type: "image/png" }));
    picture.onload = () => {
      URL.revokeObjectURL(url);
      draw();
    };
    picture.src = url;
  }

  function draw() {
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = geometry().size;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.style.width = `${width}px`;
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

  function centre(row, column) {
    const { map, shape } = geometry();
    const [left, top, width, height] = map;
    return [left + ((column + 0.5) * width) / shape[1], top + ((row + 0.5) * height) / shape[0]];
  }

  function ring(row, column, colour, radius) {
    const [x, y] = centre(row, column);
    for (const [style, thickness] of [["white", 4], [colour, 2]]) {
      context.beginPath();
      context.arc(x, y, radius, 0, 2 * Math.PI);
      context.strokeStyle = style;
      context.lineWidth = thickness;
      context.stroke();
    }
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
      const [low, high] = chosen;
      context.strokeStyle = geometry().colour;
      context.lineWidth = 1.5;
      context.strokeRect(left, top + (1 - high) * height, width, (high - low) * height);
    }
    if (marks().level !== null && !current) {
      context.fillStyle = geometry().colour;
      context.fillRect(left, top + (1 - marks().level) * height - 1, width, 2);
    }
  }

  function drawLens(row, column) {
    const { map, shape, name } = geometry();
    const [left, top, width, height] = map;
    const scale = picture.width / geometry().size[0];
    const [pixelWidth, pixelHeight] = [width / shape[1], height / shape[0]];
    const size = LENS.pixels * LENS.zoom;
    const [x, y] = centre(row, column);
    const side = x < left + width / 2 ? left + width - size - 8 : left + 8;
    const from = [x - (LENS.pixels / 2) * pixelWidth, y - (LENS.pixels / 2) * pixelHeight];
    context.fillStyle = "white";
    context.fillRect(side - 3, top + 5, size + 6, size + 40);
    context.drawImage(
      picture,
      ...from.map((each) => each * scale),
      LENS.pixels * pixelWidth * scale,
      LENS.pixels * pixelHeight * scale,
      ...[side, top + 8, size, size],
    );
    const middle = ((LENS.pixels - 1) / 2) * LENS.zoom;
    context.strokeStyle = geometry().colour;
    context.lineWidth = 1.5;
    context.strokeRect(side + middle, top + 8 + middle, LENS.zoom, LENS.zoom);
    context.fillStyle = "black";
    context.font = "12px sans-serif";
    const [firstRow, firstColumn] = geometry().first;
    context.fillText(`row ${firstRow + row}, column ${firstColumn + column}`, side, top + size + 23);
    context.fillText(`${name} ${number(row, column)}`, side, top + size + 38);
  }

  function number(row, column) {
    const place = 4 * (row * geometry().shape[1] + column);
    const value = model.get("numbers").getFloat32(place, true);
    if (Number.isNaN(value)) return "no value";
    return geometry().classes[value] ?? Number(value.toPrecision(5)).toString();
  }

  function position(event) {
    const box = canvas.getBoundingClientRect();
    const scale = geometry().size[0] / box.width;
    return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
  }

  function pixelAt([x, y]) {
    const { map, shape } = geometry();
    const [left, top, width, height] = map;
    return [
      clamp(Math.floor(((y - top) / height) * shape[0]), 0, shape[0] - 1),
      clamp(Math.floor(((x - left) / width) * shape[1]), 0, shape[1] - 1),
    ];
  }

  function levelAt([, y]) {
    const [, top, , height] = geometry().histogram;
    return clamp(1 - (y - top) / height, 0, 1);
  }

  function pick([row, column], dragging) {
    current = [row, column];
    clearTimeout(forget);
    forget = setTimeout(follow, 1000, true);
    serial += 1;
    model.set("picked", [row, column, dragging, serial]);
    model.save_changes();
    draw();
  }

  canvas.addEventListener("pointerdown", (event) => {
    const where = position(event);
    hand = inside(where, geometry().map) ? "pick" : null;
    if (inside(where, geometry().histogram)) {
      hand = "brush";
      range = [levelAt(where), levelAt(where)];
      range.start = range[0];
    }
    if (hand) canvas.setPointerCapture(event.pointerId);
    if (hand === "pick") pick(pixelAt(where), false);
  });

  canvas.addEventListener("pointermove", (event) => {
    const where = position(event);
    const over = inside(where, geometry().map);
    canvas.style.cursor = over ? "crosshair" : inside(where, geometry().histogram) ? "ns-resize" : "";
    hover = over ? pixelAt(where) : null;
    if (hand === "pick") return pick(pixelAt(where), true);
    if (hand === "brush") {
      const start = range.start;
      range = [Math.min(start, levelAt(where)), Math.max(start, levelAt(where))];
      range.start = start;
    }
    draw();
  });

  canvas.addEventListener("pointerup", () => {
    if (hand === "brush") {
      const [low, high] = range;
      serial += 1;
      model.set("brushed", [low, high, serial]);
      model.save_changes();
    }
    hand = null;
    draw();
  });

  canvas.addEventListener("pointerleave", () => {
    hover = null;
    draw();
  });

  canvas.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const [rows, columns] = geometry().shape;
    const far = event.shiftKey ? 10 : 1;
    const [row, column] = current ?? marks().current;
    pick(
      [clamp(row + far * step[0], 0, rows - 1), clamp(column + far * step[1], 0, columns - 1)],
      true,
    );
  });

  function follow(late = false) {
    const [row, column] = marks().current;
    if (current && (late || (row === current[0] && column === current[1]))) current = null;
    draw();
  }

  const marked = () => follow();
  model.on("change:picture", load);
  model.on("change:marks", marked);
  model.set("pixel_ratio", window.devicePixelRatio || 1);
  model.set("ready", true);
  model.save_changes();
  load();
  return () => {
    model.off("change:picture", load);
    model.off("change:marks", marked);
  };
}

export default { render };
