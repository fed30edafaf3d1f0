"use strict";
const $ = (id) => document.getElementById(id);
const headers = { "x-gancompress": "1" };
let about, picture = null, drawing = null, running = false, again = false, playing = null;

const short = (n) => n >= 1e9 ? (n / 1e9).toPrecision(3) + "G" : n >= 1e6 ? (n / 1e6).toPrecision(3) + "M"
  : n >= 1e3 ? (n / 1e3).toPrecision(3) + "K" : String(n);

function tell(error) {
  $("error").hidden = !error;
  $("error").textContent = error || "";
}

async function ask(path, body) {
  const answer = await fetch(path, { method: "POST", headers, body });
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).error || "HTTP " + answer.status);
  return answer;
}

function tiles(figure, images) {
  figure.hidden = !images;
  if (!images) return;
  const box = figure.querySelector(".tiles");
  box.style.setProperty("--across", Math.min(images.length, images.length > 20 ? 8 : 5));
  box.classList.toggle("large", about.kind !== "noise");
  while (box.children.length > images.length) box.lastChild.remove();
  images.forEach((source, index) => {
    const image = box.children[index] || box.appendChild(new Image());
    image.src = source;
    image.alt = figure.querySelector("figcaption").textContent + " " + (index + 1);
  });
}

function budget() {
  const size = about.sizes[Number($("size").value)];
  $("macs").textContent = size.macs ? short(size.macs) + " MACs" : size.title;
  const ratio = about.teacher && about.teacher.macs && size.macs ? about.teacher.macs / size.macs : 0;
  $("ratio").textContent = ratio ? "1/" + ratio.toPrecision(2) + " of the teacher's" : "";
  return size;
}

const chosen = () => "?" + new URLSearchParams({ size: $("size").value, runtime: $("runtime").value });

function wanted() {
  if (about.kind === "image") return ask("api/translate" + chosen(), picture);
  if (about.kind === "label_map") return ask("api/paint" + chosen(), drawing);
  return ask("api/generate", JSON.stringify({
    size: Number($("size").value), runtime: $("runtime").value,
    seed: Math.max(0, Math.floor(Number($("seed").value) || 0)),
    count: Number($("count").value), label: Number($("label").value || -1),
    truncation: Number($("truncation").value), walk: Number($("walk").value) }));
}

async function show() {
  if (running) { again = true; return; }
  const size = budget();
  if (about.kind === "image" && !picture) return;
  running = true;
  document.body.classList.add("busy");
  try {
    const made = await (await wanted()).json();
    tiles($("inputs"), made.input);
    tiles($("teacher"), made.teacher && made.teacher.images);
    tiles($("student"), made.student.images);
    const one = about.kind !== "noise" && made.teacher;
    $("compare").hidden = !one;
    if (one) { $("left").src = made.teacher.images[0]; $("right").src = made.student.images[0]; }
    const facts = [made.student.ms.toFixed(1) + " ms", short(size.params) + " parameters",
      (made.student.bytes / 1e6).toPrecision(3) + " MB"];
    if (about.sizes.length > 1) facts.push("widths " + size.title);
    if (made.teacher) facts.splice(1, 0, "teacher " + made.teacher.ms.toFixed(1) + " ms in PyTorch");
    $("facts").textContent = facts.join(" · ") + (size.chosen && about.sizes.length > 1 ? " · the run's student" : "");
    tell("");
  } catch (error) { tell(error.message); }
  running = false;
  document.body.classList.remove("busy");
  if (again) { again = false; show(); }
}

function take(file) {
  if (!file) return;
  if (file.size > 16 * 2 ** 20) { tell("more than 16 MiB; choose a smaller picture"); return; }
  picture = file;
  show();
}

// A map of classes, drawn as numbers: what is sent is what is seen, without blended edges.
const colour = (k) => "hsl(" + ((k * 137.5) % 360) + " 65% " + (52 + 14 * (k % 3)) + "%)";

function drawable() {
  const [classes, height, width] = about.shape, canvas = $("canvas"), pen = canvas.getContext("2d");
  canvas.width = width; canvas.height = height;
  drawing = new Uint8Array(width * height);
  let using = 0;
  const use = (k) => {
    using = k;
    for (const [index, button] of [...$("palette").children].entries()) {
      button.setAttribute("aria-checked", index === k);
      button.tabIndex = index === k ? 0 : -1;
    }
  };
  const blot = (x, y) => {
    const radius = Number($("brush").value) / 2;
    pen.fillStyle = colour(using);
    for (let row = Math.max(0, Math.floor(y - radius)); row <= Math.min(height - 1, y + radius); row++) {
      const half = Math.sqrt(Math.max(0, radius * radius - (row - y) ** 2));
      const left = Math.max(0, Math.round(x - half)), right = Math.min(width, Math.round(x + half) + 1);
      if (right <= left) continue;
      drawing.fill(using, row * width + left, row * width + right);
      pen.fillRect(left, row, right - left, 1);
    }
  };
  const fill = () => { drawing.fill(using); pen.fillStyle = colour(using); pen.fillRect(0, 0, width, height); };
  for (let k = 0; k < classes; k++) {
    const button = document.createElement("button");
    button.type = "button"; button.textContent = k; button.style.background = colour(k);
    button.setAttribute("role", "radio"); button.setAttribute("aria-label", "class " + k);
    button.addEventListener("click", () => use(k));
    $("palette").append(button);
  }
  $("palette").addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    use((using + step + classes) % classes);
    $("palette").children[using].focus();
  });
  const stroke = (event) => {
    if (!event.buttons) return;
    const box = canvas.getBoundingClientRect();
    blot(((event.clientX - box.left) / box.width) * width, ((event.clientY - box.top) / box.height) * height);
    show();
  };
  canvas.addEventListener("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId); stroke(event); });
  canvas.addEventListener("pointermove", stroke);
  $("fill").addEventListener("click", () => { fill(); show(); });
  use(0); fill();
}

async function webcam() {
  try {
    const stream = await navigator.mediaDevices.getUserMedia({ video: true });
    const video = document.createElement("video");
    video.srcObject = stream;
    await video.play();
    const canvas = document.createElement("canvas");
    canvas.width = video.videoWidth; canvas.height = video.videoHeight;
    canvas.getContext("2d").drawImage(video, 0, 0);
    stream.getTracks().forEach((track) => track.stop());
    canvas.toBlob(take, "image/jpeg", 0.95);
  } catch (error) { tell("no webcam: " + error.message); }
}

function save(url, name) {
  const link = document.createElement("a");
  link.href = url; link.download = name; link.click();
}

function play() {
  if (playing) { clearInterval(playing); playing = null; $("play").textContent = "play the walk"; return; }
  $("play").textContent = "stop";
  playing = setInterval(() => {
    let next = Number($("walk").value) + 0.04;
    if (next > 1) { next = 0; $("seed").value = Number($("seed").value) + 1; }
    $("walk").value = next;
    show();
  }, 120);
}

async function start() {
  about = await (await fetch("api/about")).json();
  $("name").textContent = about.name;
  document.title = about.name + " – gancompress demo";
  $("size").max = about.sizes.length - 1;
  if (about.sizes.length < 2) { $("size").hidden = true; $("kind").textContent = "Cost"; }
  $("size").value = Math.max(0, about.sizes.findIndex((size) => size.chosen));
  $("noise").hidden = about.kind !== "noise";
  $("image").hidden = about.kind !== "image";
  $("map").hidden = about.kind !== "label_map";
  if (about.kind === "label_map") drawable();
  $("runtimes").hidden = about.runtimes.length < 2;
  $("runtime").append(...about.runtimes.map((name) => new Option(name)));
  $("classes").hidden = !about.classes;
  const every = new Option("in turn", "-1");
  $("label").append(every, ...Array.from({ length: about.classes }, (_, k) => new Option(String(k), String(k))));
  for (const id of ["size", "runtime", "seed", "count", "label", "truncation", "walk"]) $(id).addEventListener("input", show);
  for (const form of ["noise", "image", "map"]) $(form).addEventListener("submit", (event) => event.preventDefault());
  $("play").addEventListener("click", play);
  $("file").addEventListener("change", (event) => take(event.target.files[0]));
  $("webcam").addEventListener("click", webcam);
  $("cut").addEventListener("input", (e) => $("compare").querySelector(".over").style.setProperty("--cut", e.target.value + "%"));
  document.addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("dragging"); });
  document.addEventListener("dragleave", () => document.body.classList.remove("dragging"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dragging");
    if (about.kind === "image") take(event.dataTransfer.files[0]);
  });
  $("save-image").addEventListener("click", () => {
    const image = $("student").querySelector("img");
    if (image) save(image.src, "student.png");
  });
  $("save-student").addEventListener("click", async () => {
    try {
      const blob = await (await ask("api/student" + chosen())).blob();
      save(URL.createObjectURL(blob), $("runtime").value === "PyTorch" ? "student.safetensors" : "student.onnx");
    } catch (error) { tell(error.message); }
  });
  budget();
  show();
}
start().catch((error) => tell(error.message));
