"use strict";
// Sliders between two pictures.
for (const figure of document.querySelectorAll(".compare")) {
  const input = figure.querySelector("input"), over = figure.querySelector(".over");
  const show = () => over.style.setProperty("--cut", input.value + "%");
  const drag = (event) => {
    if (event.buttons || event.type === "pointerdown") {
      const box = over.getBoundingClientRect();
      input.value = Math.round(((event.clientX - box.left) / box.width) * 100);
      show();
    }
  };
  input.addEventListener("input", show);
  over.addEventListener("pointerdown", drag);
  over.addEventListener("pointermove", drag);
  show();
}
// What a mark of a chart stands for.
const tip = document.createElement("div");
tip.id = "tip";
tip.hidden = true;
document.body.append(tip);
const tell = (event) => {
  const mark = event.target.closest?.("[data-tip]");
  tip.hidden = !mark;
  if (!mark) return;
  tip.textContent = mark.dataset.tip;
  if (mark.dataset.picture) {
    const image = new Image();
    image.src = mark.dataset.picture;
    image.alt = "";
    tip.append(image);
  }
  const box = mark.getBoundingClientRect(), own = tip.getBoundingClientRect();
  tip.style.left = Math.max(4, Math.min(box.right + 8, innerWidth - own.width - 4)) + "px";
  tip.style.top = Math.max(4, Math.min(box.bottom + 8, innerHeight - own.height - 4)) + "px";
};
for (const kind of ["pointerover", "focusin", "focusout"]) document.addEventListener(kind, tell);
document.addEventListener("keydown", (event) => { if (event.key === "Escape") tip.hidden = true; });
// Charts are magnified about the pointer (control and wheel, or a pinch), moved by dragging and
// restored by a double click.
for (const svg of document.querySelectorAll("svg.chart")) {
  const whole = svg.getAttribute("viewBox").split(" ").map(Number);
  let view = [...whole];
  const set = (next) => { view = next; svg.setAttribute("viewBox", view.join(" ")); };
  svg.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    const box = svg.getBoundingClientRect(), factor = event.deltaY < 0 ? 0.85 : 1 / 0.85;
    const width = Math.min(view[2] * factor, whole[2]), height = (width * whole[3]) / whole[2];
    const x = view[0] + ((event.clientX - box.left) / box.width) * (view[2] - width);
    const y = view[1] + ((event.clientY - box.top) / box.height) * (view[3] - height);
    set([x, y, width, height]);
  }, { passive: false });
  svg.addEventListener("pointermove", (event) => {
    if (!event.buttons || view[2] === whole[2]) return;
    const scale = view[2] / svg.getBoundingClientRect().width;
    set([view[0] - event.movementX * scale, view[1] - event.movementY * scale, view[2], view[3]]);
  });
  svg.addEventListener("dblclick", () => set([...whole]));
}
for (const button of document.querySelectorAll(".code button")) {
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.nextElementSibling.textContent);
    button.textContent = "copied";
  });
}
