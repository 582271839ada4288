import { useState } from "preact/hooks";
import { api } from "../../api/client";
import { Card } from "../../components/Card";
import { Empty, ErrorNotice, Loading } from "../../components/Notice";
import { canSubmit } from "../../live/config";
import { current } from "../../live/location";
import { usePoll } from "../../live/poll";
import { ArtifactRow } from "./ArtifactRow";
import type { RunStart } from "./RunForm";
import { UploadArea } from "./UploadArea";

/** From a file on one's own machine to a running job. */
export function SubmitPage() {
  const { data, error, refresh } = usePoll("artifacts", api.artifacts);
  const { query } = current.value;
  const asked = query.get("artifact");
  const [open, setOpen] = useState<string | null>(asked);
  if (!canSubmit.value) {
    return (
      <Empty icon="submit" title="Submitting is switched off">
        The cluster is configured with <code>web.submit.enable: false</code>.
      </Empty>
    );
  }
  const start: RunStart = {};
  for (const name of ["entry", "args", "parallelism", "savepoint"] as const) {
    const value = query.get(name);
    if (value !== null) start[name] = value;
  }
  const artifacts = [...(data ?? [])].sort((a, b) => b.uploaded - a.uploaded);
  return (
    <>
      <div class="page-head">
        <h1>Submit a job</h1>
      </div>
      <UploadArea
        onUploaded={(id) => {
          setOpen(id);
          refresh();
        }}
      />
      <Card title="Artifacts" flush={artifacts.length > 0}>
        {error !== null && <ErrorNotice title="The artifacts cannot be listed" error={error} />}
        {!data && !error && <Loading label="Loading the artifacts" />}
        {asked !== null && data && !data.some(({ id }) => id === asked) && (
          <ErrorNotice title="The artifact of that job is gone" error={new Error(`${asked} was deleted from the JobManager. Upload the program again; what the job began with stands in its page.`)} />
        )}
        {data?.length === 0 && (
          <Empty icon="inbox" title="No artifact was uploaded yet">
            An artifact is the program of a job: a native binary, built with <code>cargo build --release</code>.
          </Empty>
        )}
        {artifacts.length > 0 && (
          <ul class="artifacts">
            {artifacts.map((artifact) => (
              <ArtifactRow
                key={artifact.id}
                artifact={artifact}
                open={open === artifact.id}
                start={artifact.id === asked ? start : {}}
                onToggle={() => setOpen(open === artifact.id ? null : artifact.id)}
                onDeleted={refresh}
              />
            ))}
          </ul>
        )}
      </Card>
    </>
  );
}
