// Uppy counts in 1,024 and writes KB; on one page there is one way to write sizes.

export { size as prettierBytes } from "./sizes.js";
