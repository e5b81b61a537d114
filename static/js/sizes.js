// Numbers of bytes as people write them.

const UNITS = [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"]];

/** As the server writes sizes: 1.5 kB. */
export function size(count) {
  const number = new Intl.NumberFormat(document.documentElement.lang === "es" ? "es-MX" : "en", { maximumFractionDigits: 1 });
  const [factor, unit] = UNITS.find(([least]) => count >= least) ?? [1, "bytes"];
  return `${number.format(count / factor)} ${unit}`;
}
