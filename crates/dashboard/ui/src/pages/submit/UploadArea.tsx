import { useRef, useState } from "preact/hooks";
import { type Upload, uploadArtifact } from "../../api/upload";
import { Icon } from "../../components/Icon";
import { ErrorNotice } from "../../components/Notice";
import { bytes, percent } from "../../lib/format";

interface Progress {
  name: string;
  sent: number;
  total: number;
  upload: Upload;
}

/** Takes an artifact by drop or by the file dialog and shows how far its upload is. */
export function UploadArea({ onUploaded }: { onUploaded: (id: string) => void }) {
  const [progress, setProgress] = useState<Progress | null>(null);
  const [error, setError] = useState<{ name: string; error: unknown } | null>(null);
  const [over, setOver] = useState(false);
  const input = useRef<HTMLInputElement>(null);

  const start = async (file: File | undefined) => {
    if (!file || progress) return;
    setError(null);
    const upload = uploadArtifact(file, (sent, total) => setProgress((now) => now && { ...now, sent, total }));
    setProgress({ name: file.name, sent: 0, total: file.size, upload });
    try {
      onUploaded(await upload.done);
    } catch (failure) {
      if (!(failure instanceof DOMException)) setError({ name: file.name, error: failure });
    } finally {
      setProgress(null);
      if (input.current) input.current.value = ""; // the same file may be chosen again
    }
  };

  return (
    <>
      <div
        class={`upload ${over ? "upload-over" : ""}`}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          event.preventDefault();
          setOver(false);
          void start(event.dataTransfer?.files[0]);
        }}
      >
        {progress ? (
          <div class="upload-progress" role="status">
            <span>
              Uploading <strong>{progress.name}</strong>, {progress.sent < progress.total ? `${bytes(progress.sent)} of ${bytes(progress.total)}` : "checking"}
            </span>
            <progress max={progress.total || 1} value={progress.sent} aria-label="Upload">
              {percent(progress.sent / (progress.total || 1))}
            </progress>
            <button type="button" class="button" onClick={progress.upload.abort}>
              Stop
            </button>
          </div>
        ) : (
          <>
            <Icon name="submit" size={26} />
            <p>
              Drop an artifact here, or{" "}
              <button type="button" class="link" onClick={() => input.current?.click()}>
                choose a file
              </button>
            </p>
            <p class="muted">The native binary of a job, for example target/release/word-count</p>
          </>
        )}
        <input ref={input} type="file" class="visually-hidden" tabIndex={-1} aria-label="Artifact" onChange={(event) => void start(event.currentTarget.files?.[0])} />
      </div>
      {error && <ErrorNotice title={`${error.name} was not accepted`} error={error.error} onDismiss={() => setError(null)} />}
    </>
  );
}
