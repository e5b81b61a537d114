// Everything here is a comfort: each page works without it.

import { liven } from "./page.js";

liven();
