import { useState } from "preact/hooks";
import { api } from "../../api/client";
import { Card } from "../../components/Card";
import { Empty, ErrorNotice, Loading } from "../../components/Notice";
import { canSubmit } from "../../live/config";
import { usePoll } from "../../live/poll";
import { ArtifactRow } from "./ArtifactRow";
import { UploadArea } from "./UploadArea";

/** From a file on one's own machine to a running job. */
export function SubmitPage() {
  const { data, error, refresh } = usePoll("artifacts", api.artifacts);
  const [open, setOpen] = useState<string | null>(null);
  if (!canSubmit.value) {
    return (
      <Empty icon="submit" title="Submitting is switched off">
        The cluster is configured with <code>web.submit.enable: false</code>.
      </Empty>
    );
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
