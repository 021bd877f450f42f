// What every page needs; each concern is a module of its own.
import "./rail.js";
import "./feedback.js";
import "./search.js";
import "./copy.js";
import "./confirm.js";
import "./sheet.js";
import "./menus.js";
import "./select.js";
import "./poll.js";
import "./events.js";
import "./stream.js";
import "./flow.js";
import "./desk.js";
import "./plan.js";
import "./keys.js";
import "./passkey.js";
