// Of pages on which a password is typed: it can be looked at, and how good a new one is is said.

import { watchPassword } from "../password.js";
import { watchStrength } from "./strength.js";

for (const box of document.querySelectorAll("[data-password]")) watchPassword(box);
watchStrength();
