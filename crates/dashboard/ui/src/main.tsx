import { render } from "preact";
import { App } from "./app";
import { loadConfig } from "./live/config";
import { startTheme } from "./live/theme";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/controls.css";
import "./styles/table.css";
import "./styles/job.css";
import "./styles/log.css";

startTheme();
void loadConfig();
const root = document.getElementById("app");
if (root) render(<App />, root);
