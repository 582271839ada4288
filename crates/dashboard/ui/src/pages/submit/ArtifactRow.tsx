import { useState } from "preact/hooks";
import type { Artifact } from "../../api/types";
import { Icon } from "../../components/Icon";
import { Ago } from "../../components/Times";
import { shortId } from "../../lib/format";
import { DeleteDialog } from "./DeleteDialog";
import { RunForm, type RunStart } from "./RunForm";

interface Props {
  artifact: Artifact;
  open: boolean;
  /** What its form begins with. */
  start: RunStart;
  onToggle: () => void;
  onDeleted: () => void;
}

/** An uploaded artifact; opened, the form that runs it. */
export function ArtifactRow({ artifact, open, start, onToggle, onDeleted }: Props) {
  const [asking, setAsking] = useState(false);
  return (
    <li class={`artifact ${open ? "artifact-open" : ""}`}>
      <div class="artifact-head">
        <button type="button" class="artifact-name" aria-expanded={open} onClick={onToggle}>
          <span class={`twist ${open ? "twist-open" : ""}`}>
            <Icon name="chevron" size={12} />
          </span>
          <span class="clip">{artifact.name}</span>
        </button>
        <code class="muted artifact-id" title={artifact.id}>
          {shortId(artifact.id)}
        </code>
        <span class="muted artifact-time">
          uploaded <Ago time={artifact.uploaded} />
        </span>
        <button type="button" class="icon-button" aria-label={`Delete ${artifact.name}`} title="Delete" onClick={() => setAsking(true)}>
          <Icon name="trash" size={15} />
        </button>
      </div>
      {open && <RunForm artifact={artifact} start={start} />}
      {asking && (
        <DeleteDialog
          artifact={artifact}
          onClose={() => setAsking(false)}
          onDone={() => {
            setAsking(false);
            onDeleted();
          }}
        />
      )}
    </li>
  );
}
