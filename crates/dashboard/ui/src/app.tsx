import { useEffect, useRef } from "preact/hooks";
import { ConnectionBanner } from "./components/ConnectionBanner";
import { Empty } from "./components/Notice";
import { ShortcutsDialog } from "./components/ShortcutsDialog";
import { TopBar } from "./components/TopBar";
import { type Route, link } from "./lib/route";
import { current } from "./live/location";
import { helpOpen } from "./live/shortcuts";
import { JobManagerPage } from "./pages/job-manager/JobManagerPage";
import { JobPage } from "./pages/job/JobPage";
import { JobsPage } from "./pages/jobs/JobsPage";
import { OverviewPage } from "./pages/overview/OverviewPage";
import { SubmitPage } from "./pages/submit/SubmitPage";
import { TaskManagerPage } from "./pages/task-managers/TaskManagerPage";
import { TaskManagersPage } from "./pages/task-managers/TaskManagersPage";

const TITLES: Record<Route["page"], string> = {
  overview: "Overview",
  jobs: "Jobs",
  job: "Job",
  taskmanagers: "TaskManagers",
  taskmanager: "TaskManager",
  jobmanager: "JobManager",
  submit: "Submit",
  unknown: "Not found",
};

/** The frame around every page. */
export function App() {
  const { route } = current.value;
  const main = useRef<HTMLElement>(null);
  const place = "id" in route ? `${route.page}/${route.id}` : route.page;
  const first = useRef(true);
  useEffect(() => {
    document.title = `${TITLES[route.page]} · Flott`;
    helpOpen.value = false;
    scrollTo(0, 0);
    // After a change of page the keyboard goes on at its content, as after loading a document.
    if (!first.current) main.current?.focus({ preventScroll: true });
    first.current = false;
  }, [place]);
  return (
    <>
      <a
        class="skip-link"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          main.current?.focus();
        }}
      >
        Skip to content
      </a>
      <TopBar page={route.page} />
      <ConnectionBanner />
      <main ref={main} id="main" tabIndex={-1} class="page">
        <Page route={route} />
      </main>
      <ShortcutsDialog />
    </>
  );
}

function Page({ route }: { route: Route }) {
  switch (route.page) {
    case "overview":
      return <OverviewPage />;
    case "jobs":
      return <JobsPage />;
    case "job":
      return <JobPage key={route.id} id={route.id} tab={route.tab} vertex={route.vertex} />;
    case "taskmanagers":
      return <TaskManagersPage />;
    case "taskmanager":
      return <TaskManagerPage key={route.id} id={route.id} tab={route.tab} file={route.file} />;
    case "jobmanager":
      return <JobManagerPage tab={route.tab} file={route.file} />;
    case "submit":
      return <SubmitPage />;
    case "unknown":
      return (
        <Empty icon="search" title="There is no such page">
          <code>{route.path}</code> is not an address of this dashboard. <a href={link.overview()}>Go to the overview</a>
        </Empty>
      );
  }
}
