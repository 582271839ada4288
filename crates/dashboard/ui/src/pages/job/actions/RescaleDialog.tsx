import { useState } from "preact/hooks";
import { api } from "../../../api/client";
import type { ResourceRequirements } from "../../../api/observe-types";
import type { Job } from "../../../api/types";
import { Dialog } from "../../../components/Dialog";
import { Icon } from "../../../components/Icon";
import { ErrorNotice } from "../../../components/Notice";
import { plural } from "../../../lib/format";
import { type RescaleGroup, parallelismError, requirementsFor, rescaleGroups, slotsFor } from "../../../lib/rescale";
import { orderedVertices } from "../../../lib/vertices";
import { usePoll } from "../../../live/poll";

interface Props {
  job: Job;
  requirements: ResourceRequirements;
  onClose: () => void;
  onDone: () => void;
}

/** Changes the parallelism of a running job, vertex by vertex or all at once. */
export function RescaleDialog({ job, requirements, onClose, onDone }: Props) {
  const { model, vertices } = orderedVertices(job);
  const [groups] = useState(() => rescaleGroups(model, vertices));
  const [wished, setWished] = useState<readonly string[]>(() => groups.map(({ vertices: [first] }) => String((first && requirements[first.id]?.parallelism.upperBound) ?? first?.parallelism ?? 1)));
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const overview = usePoll("overview-slots", api.overview);
  const errors = groups.map((group, i) => parallelismError(wished[i] ?? "", group.most));
  const right = errors.every((text) => text === null);
  const target = new Map(groups.flatMap((group, i) => group.vertices.map(({ id }) => [id, Number(wished[i])] as const)));
  const before = new Map(vertices.map(({ id, parallelism }) => [id, parallelism]));
  const changed = [...target].some(([id, n]) => n !== before.get(id));
  const needed = slotsFor(target);
  const held = slotsFor(before);
  const free = overview.data?.["slots-available"];
  const set = (i: number, text: string) => setWished(wished.map((old, k) => (k === i ? text : old)));
  const setAll = (text: string) => setWished(groups.map((group) => String(Math.min(group.most, Math.max(1, Number(text) || 1)))));

  const act = async () => {
    setBusy(true);
    setError(null);
    try {
      await api.rescale(job.jid, requirementsFor(target, requirements));
      onDone();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return (
    <Dialog
      title="Rescale this job?"
      onClose={onClose}
      actions={
        <>
          <button type="button" class="button" onClick={onClose}>
            Keep it as it is
          </button>
          <button type="button" class="button button-primary" disabled={busy || !right || !changed} onClick={() => void act()}>
            {busy ? "Asking" : "Rescale job"}
          </button>
        </>
      }
    >
      <p>
        <strong>{job.name}</strong> restarts from its latest checkpoint with the new parallelism; its state is redistributed. It does not count as a failure.
      </p>
      <label class="rescale-all">
        <span>All vertices</span>
        <input type="number" min={1} name="all" placeholder="each" aria-label="Parallelism of all vertices" onInput={(event) => event.currentTarget.value !== "" && setAll(event.currentTarget.value)} />
      </label>
      <ul class="rescale-list">
        {groups.map((group, i) => (
          <GroupField key={group.vertices[0]?.id} group={group} value={wished[i] ?? ""} error={errors[i] ?? null} onInput={(text) => set(i, text)} />
        ))}
      </ul>
      {right && (
        <p class={free !== undefined && needed - held > free ? "warning" : "muted"}>
          {free !== undefined && needed - held > free && <Icon name="alert" size={16} />}
          <span>
            Needs {plural(needed, "slot")}, holds {held}
            {free !== undefined && `; ${free} ${free === 1 ? "is" : "are"} free`}.{free !== undefined && needed - held > free && " It gets as many as there are, and not fewer than it needs at least."}
          </span>
        </p>
      )}
      {error !== null && <ErrorNotice title="The job was not rescaled" error={error} />}
    </Dialog>
  );
}

function GroupField({ group, value, error, onInput }: { group: RescaleGroup; value: string; error: string | null; onInput: (text: string) => void }) {
  const names = group.vertices.map(({ name }) => name);
  const now = group.vertices[0]?.parallelism ?? 1;
  const step = (by: number) => onInput(String(Math.min(group.most, Math.max(1, (Number(value) || now) + by))));
  return (
    <li class="rescale-row">
      <span class="rescale-names">
        {names.map((name) => (
          <span key={name} class="clip" title={name}>
            {name}
          </span>
        ))}
        {error && (
          <span class="field-error" role="alert">
            {error}
          </span>
        )}
        {names.length > 1 && <span class="field-hint">the same for all of them: records go straight on</span>}
      </span>
      <span class="stepper">
        <button type="button" class="icon-button" aria-label={`Fewer subtasks of ${names.join(", ")}`} onClick={() => step(-1)}>
          <Icon name="minus" size={13} />
        </button>
        <input type="number" min={1} max={group.most} value={value} aria-label={`Parallelism of ${names.join(", ")}`} aria-invalid={error ? "true" : undefined} onInput={(event) => onInput(event.currentTarget.value)} />
        <button type="button" class="icon-button" aria-label={`More subtasks of ${names.join(", ")}`} onClick={() => step(1)}>
          <Icon name="plus" size={13} />
        </button>
      </span>
      <span class="muted rescale-now" title={`At most ${group.most}`}>
        now {now}
      </span>
    </li>
  );
}
