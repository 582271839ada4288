import { useState } from "preact/hooks";
import { api } from "../../api/client";
import type { Artifact, Plan } from "../../api/types";
import { Field } from "../../components/Field";
import { Icon } from "../../components/Icon";
import { ErrorNotice } from "../../components/Notice";
import { link } from "../../lib/route";
import { type FieldErrors, type RunFields, runRequest } from "../../lib/run-request";
import { PlanPreview } from "./PlanPreview";

/** What a form begins with, so that a job can be run again. */
export type RunStart = Partial<Pick<RunFields, "entry" | "parallelism" | "args" | "savepoint">>;

/** How to run an artifact; "Show plan" lets the program build its graph without running it. */
export function RunForm({ artifact, start }: { artifact: Artifact; start: RunStart }) {
  const [fields, setFields] = useState<RunFields>({ entry: "", parallelism: "", args: "", savepoint: "", allowNonRestored: false, claimMode: "NO_CLAIM", ...start });
  const [wrong, setWrong] = useState<FieldErrors>({});
  const [busy, setBusy] = useState<"plan" | "run" | null>(null);
  const [failure, setFailure] = useState<{ title: string; error: unknown } | null>(null);
  const [plan, setPlan] = useState<Plan | null>(null);
  const set = <K extends keyof RunFields>(name: K) => (value: RunFields[K]) => {
    setFields({ ...fields, [name]: value });
    setWrong({ ...wrong, [name]: undefined });
    setPlan(null);
  };

  const act = async (what: "plan" | "run") => {
    const result = runRequest(fields);
    setFailure(null);
    if ("errors" in result) {
      setWrong(result.errors);
      return;
    }
    setBusy(what);
    try {
      if (what === "plan") setPlan(await api.plan(artifact.id, result.request));
      else location.hash = link.job(await api.run(artifact.id, result.request));
    } catch (error) {
      setPlan(null);
      setFailure({ title: what === "plan" ? "The plan could not be made" : "The job was not started", error });
    } finally {
      setBusy(null);
    }
  };

  return (
    <form
      class="run-form"
      onSubmit={(event) => {
        event.preventDefault();
        void act("run");
      }}
    >
      <Field name="args" label="Arguments" error={wrong.args} placeholder="--input /data/in --output /data/out" value={fields.args} onInput={set("args")} wide />
      <Field name="parallelism" label="Parallelism" error={wrong.parallelism} placeholder="default" value={fields.parallelism} onInput={set("parallelism")} />
      <Field name="entry" label="Entry" error={wrong.entry} placeholder={artifact.entry[0]?.name ?? "default"} value={fields.entry} onInput={set("entry")} options={{ id: `entries-${artifact.id}`, values: artifact.entry.map((entry) => entry.name) }} />
      <RestoreFields fields={fields} set={set} wrong={wrong.savepoint} />
      <div class="run-actions">
        <button type="button" class="button" disabled={busy !== null} onClick={() => void act("plan")}>
          <Icon name="graph" size={14} /> {busy === "plan" ? "Planning" : "Show plan"}
        </button>
        <button type="submit" class="button button-primary" disabled={busy !== null}>
          <Icon name="play" size={13} /> {busy === "run" ? "Starting" : "Run"}
        </button>
      </div>
      {failure && <ErrorNotice title={failure.title} error={failure.error} onDismiss={() => setFailure(null)} />}
      {plan && <PlanPreview plan={plan} />}
    </form>
  );
}

type Set = <K extends keyof RunFields>(name: K) => (value: RunFields[K]) => void;

/** From what the job begins, and how strictly. */
function RestoreFields({ fields, set, wrong }: { fields: RunFields; set: Set; wrong: string | undefined }) {
  const restores = fields.savepoint.trim() !== "";
  return (
    <div class="restore-fields">
      <Field name="savepoint" label="Savepoint path" error={wrong} placeholder="begin with nothing" value={fields.savepoint} onInput={set("savepoint")} hint="Directory of a savepoint or of a retained checkpoint, from which the job goes on" />
      <label class="field">
        <span>Claim mode</span>
        <select name="claimMode" value={fields.claimMode} disabled={!restores} onChange={(event) => set("claimMode")(event.currentTarget.value === "CLAIM" ? "CLAIM" : "NO_CLAIM")}>
          <option value="NO_CLAIM">no claim: its files stay mine</option>
          <option value="CLAIM">claim: the job deletes them in time</option>
        </select>
      </label>
      <label class={`check ${restores ? "" : "muted"}`}>
        <input type="checkbox" name="allowNonRestored" disabled={!restores} checked={fields.allowNonRestored} onChange={(event) => set("allowNonRestored")(event.currentTarget.checked)} />
        Allow state that no operator takes
      </label>
    </div>
  );
}
