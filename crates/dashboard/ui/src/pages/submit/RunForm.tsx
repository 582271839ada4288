import { useState } from "preact/hooks";
import { api } from "../../api/client";
import type { Artifact, Plan } from "../../api/types";
import { Icon } from "../../components/Icon";
import { ErrorNotice } from "../../components/Notice";
import { link } from "../../lib/route";
import { type FieldErrors, type RunFields, runRequest } from "../../lib/run-request";
import { PlanPreview } from "./PlanPreview";

/** How to run an artifact; "Show plan" lets the program build its graph without running it. */
export function RunForm({ artifact }: { artifact: Artifact }) {
  const [fields, setFields] = useState<RunFields>({ entry: "", parallelism: "", args: "" });
  const [wrong, setWrong] = useState<FieldErrors>({});
  const [busy, setBusy] = useState<"plan" | "run" | null>(null);
  const [failure, setFailure] = useState<{ title: string; error: unknown } | null>(null);
  const [plan, setPlan] = useState<Plan | null>(null);
  const set = (name: keyof RunFields) => (event: { currentTarget: HTMLInputElement }) => {
    setFields({ ...fields, [name]: event.currentTarget.value });
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
      <Field name="entry" label="Entry" error={wrong.entry} placeholder={artifact.entry[0]?.name ?? "default"} value={fields.entry} onInput={set("entry")} options={artifact.entry.map((entry) => entry.name)} id={artifact.id} />
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

interface FieldProps {
  name: string;
  label: string;
  value: string;
  placeholder: string;
  error: string | undefined;
  onInput: (event: { currentTarget: HTMLInputElement }) => void;
  wide?: boolean;
  options?: string[];
  id?: string;
}

function Field({ name, label, value, placeholder, error, onInput, wide = false, options, id = "" }: FieldProps) {
  const list = options && options.length > 1 ? `options-${name}-${id}` : undefined;
  return (
    <label class={`field ${wide ? "field-wide" : ""}`}>
      <span>{label}</span>
      <input name={name} value={value} placeholder={placeholder} onInput={onInput} aria-invalid={error ? "true" : undefined} list={list} autocomplete="off" spellcheck={false} />
      {list && (
        <datalist id={list}>
          {options?.map((option) => (
            <option key={option} value={option} />
          ))}
        </datalist>
      )}
      {error && (
        <span class="field-error" role="alert">
          {error}
        </span>
      )}
    </label>
  );
}
