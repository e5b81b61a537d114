// Times are told as people speak of them, and stay true while the page is open.

const EVERY = 30_000;
/** Unit → its seconds; the largest that fits is used. */
const UNITS = [["year", 31_536_000], ["month", 2_592_000], ["week", 604_800], ["day", 86_400], ["hour", 3_600], ["minute", 60]];
const SOME = 1.2;

export function watchTimes() {
  const format = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "always" });
  setInterval(() => {
    for (const time of document.querySelectorAll("time[data-ago]")) {
      const said = ago(format, (Date.parse(time.dateTime) - Date.now()) / 1_000);
      if (time.textContent !== said) time.textContent = said;
    }
  }, EVERY);
}

function ago(format, seconds) {
  const [unit, length] = UNITS.find(([, length]) => Math.abs(seconds) >= length * SOME) ?? ["second", 1];
  return format.format(Math.round(seconds / length), unit);
}
