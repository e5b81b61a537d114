// Icons that a script may need lie in the page as templates: the sprite's address is the server's to know.

/** @param {"warning"|"check"} name */
export function icon(name) {
  return document.querySelector(`template[data-icon="${name}"]`).content.cloneNode(true);
}
