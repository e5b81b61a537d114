// Shows how an organization's pages will look while they are described.

export function watchBranding() {
  const form = document.querySelector("form[data-branding]");
  const shown = document.querySelector("[data-preview]");
  if (!form || !shown) return;
  const show = () => preview(form, shown);
  form.addEventListener("input", show);
  show();
}

function preview(form, shown) {
  const said = (name) => form.elements[name]?.value.trim() ?? "";
  shown.style.setProperty("--theirs", said("accent"));
  shown.style.setProperty("--on-theirs", bright(said("accent")) ? "#10151a" : "#fff");
  shown.querySelector("[data-preview-name]").textContent = said("name");
  shown.querySelector("[data-preview-contact]").textContent = said("contact");
  shown.querySelector("[data-preview-notice]").hidden = !said("notice_url");
}

/** Whether dark text reads better on a colour: by its luminance, as WCAG has it. */
function bright(colour) {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255);
  const linear = (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue) > 0.179;
}
