import { ApiError, ConnectionError, errorTexts } from "./errors";

/** An upload under way. */
export interface Upload {
  /** Resolves with the artifact's id. */
  done: Promise<string>;
  abort: () => void;
}

/** Uploads an artifact. `fetch` reports no progress of what it sends, XMLHttpRequest does. */
export function uploadArtifact(file: File, progress: (sent: number, total: number) => void): Upload {
  const request = new XMLHttpRequest();
  const done = new Promise<string>((resolve, reject) => {
    request.upload.onprogress = (event) => progress(event.loaded, event.lengthComputable ? event.total : file.size);
    request.onload = () => {
      if (request.status < 200 || request.status >= 300) {
        reject(new ApiError(request.status, errorTexts(request.status, request.responseText)));
        return;
      }
      const id = artifactId(request.responseText);
      if (id) resolve(id);
      else reject(new ApiError(request.status, ["The server did not say under which id it stored the artifact."]));
    };
    // A server that refuses a body by its size may close the connection before it was sent whole.
    request.onerror = () =>
      reject(new ConnectionError("The connection broke during the upload. The file may be larger than the server accepts (rest.server.max-content-length)."));
    request.onabort = () => reject(new DOMException("The upload was stopped.", "AbortError"));
  });
  const form = new FormData();
  form.append("jarfile", file, file.name);
  request.open("POST", "jars/upload");
  request.send(form);
  return { done, abort: () => request.abort() };
}

/** The id is the last element of the path that the answer names. */
export function artifactId(answer: string): string | null {
  try {
    const { filename } = JSON.parse(answer) as { filename?: unknown };
    return typeof filename === "string" ? (filename.split("/").at(-1) ?? null) : null;
  } catch {
    return null;
  }
}
