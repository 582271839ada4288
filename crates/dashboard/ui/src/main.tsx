import { render } from "preact";
import { App } from "./app";
import { loadConfig } from "./live/config";
import { watchLeadership } from "./live/leadership";
import { startShortcuts } from "./live/shortcuts";
import { startTheme } from "./live/theme";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/controls.css";
import "./styles/table.css";
import "./styles/charts.css";
import "./styles/job.css";
import "./styles/checkpoints.css";
import "./styles/graph.css";
import "./styles/timeline.css";
import "./styles/flame.css";
import "./styles/log.css";
import "./styles/submit.css";
import "./styles/task-manager.css";

startTheme();
void loadConfig();
watchLeadership();
startShortcuts();
const root = document.getElementById("app");
if (root) {
  root.replaceChildren(); // what the document shows until now
  render(<App />, root);
}
