// Files that somebody here hands in for a customer: each is a form of its own, whose file streams on while it arrives.

import { makeBox } from "../box.js";

const form = document.querySelector("[data-handing-in]");
const says = JSON.parse(form.dataset.handingIn);
const tray = form.querySelector("[data-tray]");
const status = form.querySelector("[data-status]");
const handed = form.querySelector("[data-handed]");
const box = makeBox(tray.querySelector("[data-uppy]"), says);

box.addUploader(async (ids) => {
  for (const id of ids) await send(box.getFile(id));
});
box.on("restriction-failed", (file, error) => say([says.refused, file?.name, error.message].filter(Boolean).join(" ")));
box.on("files-added", () => say(""));
form.addEventListener("submit", submit);
const plain = form.querySelector("[data-plain]");
plain.hidden = true;
plain.querySelector("input").disabled = true;
tray.hidden = false;

function submit(event) {
  event.preventDefault();
  if (!box.getFiles().length) return say(says.missing);
  say("");
  box.upload().catch(() => {}); // each file says what became of it
}

/** Sends one; fields come before the file, for it is passed on while it arrives. */
async function send(file) {
  const body = new FormData();
  for (const [name, value] of new FormData(form)) {
    if (typeof value === "string" && name !== "outcome") body.append(name, value);
  }
  body.append(says.part, file.data, file.name);
  box.emit("upload-start", [file]);
  try {
    const { address } = await post(body, (sent, all) =>
      box.emit("upload-progress", box.getFile(file.id), { uploadStarted: Date.now(), bytesUploaded: sent, bytesTotal: all }),
    );
    box.emit("upload-success", box.getFile(file.id), { status: 201, uploadURL: address });
    show(file.name, address);
    setTimeout(() => box.removeFile(file.id));
  } catch (error) {
    box.emit("upload-error", box.getFile(file.id), error);
    say(`${file.name}: ${error.message}`);
  }
}

function post(body, tell) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.responseType = "json";
    request.setRequestHeader("Accept", "application/json");
    request.upload.addEventListener("progress", ({ loaded, total }) => tell(loaded, total));
    request.addEventListener("load", () =>
      request.status === 201 ? resolve(request.response) : reject(new Error(request.response?.said ?? says.failed)),
    );
    request.addEventListener("error", () => reject(new Error(says.broken)));
    request.send(body);
  });
}

function show(name, address) {
  const row = document.createElement("li");
  const link = document.createElement("a");
  link.href = address;
  link.textContent = name;
  row.append(link);
  handed.append(row);
  handed.hidden = false;
}

function say(text) {
  status.textContent = text;
}
