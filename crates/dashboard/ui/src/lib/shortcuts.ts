/** What keys do, wherever one is. */

export type Command =
  | { do: "go"; to: "overview" | "jobs" | "taskmanagers" | "jobmanager" | "submit" }
  | { do: "search" }
  | { do: "tab"; by: 1 | -1 }
  | { do: "theme" }
  | { do: "help" };

const GO: Record<string, Extract<Command, { do: "go" }>["to"]> = { o: "overview", j: "jobs", t: "taskmanagers", m: "jobmanager", s: "submit" };

/** The list that `?` shows. */
export const SHORTCUTS: readonly { keys: string[]; does: string }[] = [
  { keys: ["g", "o"], does: "Overview" },
  { keys: ["g", "j"], does: "Jobs" },
  { keys: ["g", "t"], does: "TaskManagers" },
  { keys: ["g", "m"], does: "JobManager" },
  { keys: ["g", "s"], does: "Submit a job" },
  { keys: ["["], does: "Previous tab of the page" },
  { keys: ["]"], does: "Next tab of the page" },
  { keys: ["/"], does: "Search on the page" },
  { keys: ["d"], does: "Dark or light" },
  { keys: ["Esc"], does: "Close what is open: a question, a vertex, a zoomed frame" },
  { keys: ["←", "→", "↑", "↓"], does: "Walk in a flame graph; Enter looks at one frame alone" },
  { keys: ["?"], does: "This list" },
];

/** Reads keys one after the other: some are the second of two. */
export class KeyReader {
  private going = false;

  read(key: string): Command | null {
    const going = this.going;
    this.going = key === "g" && !going;
    if (going && GO[key]) return { do: "go", to: GO[key] };
    switch (key) {
      case "/":
        return { do: "search" };
      case "[":
        return { do: "tab", by: -1 };
      case "]":
        return { do: "tab", by: 1 };
      case "d":
        return { do: "theme" };
      case "?":
        return { do: "help" };
      default:
        return null;
    }
  }
}
