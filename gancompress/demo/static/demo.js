"use strict";
const $ = (id) => document.getElementById(id);
const headers = { "x-gancompress": "1" };
let about, picture = null, running = false, again = false, playing = null;

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
  box.classList.toggle("large", about.kind === "image");
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

async function show() {
  if (running) { again = true; return; }
  const index = Number($("size").value), size = budget();
  if (about.kind === "image" && !picture) return;
  running = true;
  try {
    const answer = about.kind === "image"
      ? await ask("api/translate?size=" + index, picture)
      : await ask("api/generate", JSON.stringify({
          size: index, seed: Math.max(0, Math.floor(Number($("seed").value) || 0)),
          count: Number($("count").value), label: Number($("label").value || -1),
          truncation: Number($("truncation").value), walk: Number($("walk").value) }));
    const made = await answer.json();
    tiles($("inputs"), made.input);
    tiles($("teacher"), made.teacher && made.teacher.images);
    tiles($("student"), made.student.images);
    const one = about.kind === "image" && made.teacher;
    $("compare").hidden = !one;
    if (one) { $("left").src = made.teacher.images[0]; $("right").src = made.student.images[0]; }
    const facts = [made.student.ms.toFixed(1) + " ms", short(size.params) + " parameters",
      (size.params * 4 / 1e6).toPrecision(3) + " MB in float32", "widths " + size.title];
    if (made.teacher) facts.splice(1, 0, "teacher " + made.teacher.ms.toFixed(1) + " ms");
    $("facts").textContent = facts.join(" · ") + (size.chosen ? " · the run's student" : "");
    tell("");
  } catch (error) { tell(error.message); }
  running = false;
  if (again) { again = false; show(); }
}

function take(file) {
  if (!file) return;
  if (file.size > 16 * 2 ** 20) { tell("more than 16 MiB; choose a smaller picture"); return; }
  picture = file;
  show();
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
  $("size").disabled = about.sizes.length < 2;
  $("size").value = Math.max(0, about.sizes.findIndex((size) => size.chosen));
  $("noise").hidden = about.kind !== "noise";
  $("image").hidden = about.kind !== "image";
  $("classes").hidden = !about.classes;
  const every = new Option("in turn", "-1");
  $("label").append(every, ...Array.from({ length: about.classes }, (_, k) => new Option(String(k), String(k))));
  for (const id of ["size", "seed", "count", "label", "truncation", "walk"]) $(id).addEventListener("input", show);
  for (const form of ["noise", "image"]) $(form).addEventListener("submit", (event) => event.preventDefault());
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
      const blob = await (await ask("api/student?size=" + $("size").value)).blob();
      save(URL.createObjectURL(blob), "student.safetensors");
    } catch (error) { tell(error.message); }
  });
  budget();
  show();
}
start().catch((error) => tell(error.message));
