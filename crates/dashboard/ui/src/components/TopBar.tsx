import { standbyHint } from "../lib/leadership";
import type { Route } from "../lib/route";
import { link } from "../lib/route";
import { canSubmit, config } from "../live/config";
import { leadership, trouble } from "../live/leadership";
import { helpOpen } from "../live/shortcuts";
import { isDark, toggleTheme } from "../live/theme";
import { Icon, type IconName } from "./Icon";
import { Logo } from "./Logo";

const ITEMS: { pages: Route["page"][]; title: string; href: string; icon: IconName }[] = [
  { pages: ["overview"], title: "Overview", href: link.overview(), icon: "overview" },
  { pages: ["jobs", "job"], title: "Jobs", href: link.jobs(), icon: "jobs" },
  { pages: ["taskmanagers", "taskmanager"], title: "TaskManagers", href: link.taskManagers(), icon: "taskmanagers" },
  { pages: ["jobmanager"], title: "JobManager", href: link.jobManager(), icon: "jobmanager" },
  { pages: ["submit"], title: "Submit", href: link.submit(), icon: "submit" },
];

/** Name, pages, and the state of the connection. */
export function TopBar({ page }: { page: Route["page"] }) {
  const dark = isDark.value;
  const wrong = trouble.value;
  const standby = standbyHint(leadership.value);
  const version = config.value?.["flink-version"];
  return (
    <header class="topbar">
      <div class="topbar-inner">
        <a class="brand" href={link.overview()} aria-label="Flott, overview">
          <Logo />
          <span>Flott</span>
        </a>
        <nav class="nav" aria-label="Pages">
          {ITEMS.filter((item) => item.title !== "Submit" || canSubmit.value).map((item) => (
            <a key={item.title} href={item.href} aria-current={item.pages.includes(page) ? "page" : undefined}>
              <Icon name={item.icon} />
              <span>{item.title}</span>
            </a>
          ))}
        </nav>
        <div class="topbar-end">
          {standby && (
            <a class="badge badge-standby" href={link.jobManager()} title={standby}>
              standby
            </a>
          )}
          <span class={`live ${wrong ? "live-lost" : ""}`} title={wrong ? wrong.title : "Live: the page updates by itself"}>
            <span class="dot" aria-hidden="true" />
            <span class="live-text">{wrong ? wrong.short : "Live"}</span>
          </span>
          {version && (
            <span class="version" title={config.value?.["flink-revision"]}>
              {version}
            </span>
          )}
          <button type="button" class="icon-button help-button" onClick={() => (helpOpen.value = true)} aria-label="Keyboard shortcuts" title="Keyboard shortcuts (?)">
            ?
          </button>
          <button type="button" class="icon-button" onClick={toggleTheme} aria-label={dark ? "Use light colors" : "Use dark colors"} title={dark ? "Light" : "Dark"}>
            <Icon name={dark ? "sun" : "moon"} />
          </button>
        </div>
      </div>
    </header>
  );
}
