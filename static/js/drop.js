// Files may be dropped onto a field. Of several at once, each goes where its ending belongs.

export function watchDrop(fields) {
  if (!fields.length) return;
  for (const field of fields) {
    const over = (is) => field.area.classList.toggle("over", is);
    field.area.addEventListener("dragover", (event) => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      over(true);
    });
    field.area.addEventListener("dragleave", () => over(false));
    field.area.addEventListener("drop", (event) => {
      over(false);
      if (!event.dataTransfer.files.length) return;
      event.preventDefault();
      share([...event.dataTransfer.files], fields, field);
    });
  }
  // One that misses its field would be opened by the browser in place of the page.
  for (const type of ["dragover", "drop"]) {
    document.addEventListener(type, (event) => {
      if (event.defaultPrevented || !holdsFiles(event)) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "none";
    });
  }
}

function holdsFiles(event) {
  return event.dataTransfer.types.includes("Files");
}

function share(files, fields, target) {
  if (files.length === 1) return target.take(files[0]);
  for (const field of fields) {
    const at = files.findIndex((file) => file.name.toLowerCase().endsWith(field.ending));
    if (at >= 0) field.take(...files.splice(at, 1));
  }
}
