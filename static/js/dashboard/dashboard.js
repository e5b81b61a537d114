// What every page of the dashboard can do besides showing itself; without it everything still works, a little slower.

import "./htmx.js";
import { watchBranding } from "./branding.js";
import { watchCopying } from "./copying.js";
import { watchDialogs } from "./dialogs.js";
import { watchKeys } from "./keyboard.js";
import { watchNotices } from "./notices.js";
import { watchPasskeys } from "./passkeys.js";
import { showTab } from "./tabs.js";
import { watchTimes } from "./times.js";

showTab();
watchBranding();
watchCopying();
watchDialogs();
watchKeys();
watchNotices();
watchPasskeys();
watchTimes();
