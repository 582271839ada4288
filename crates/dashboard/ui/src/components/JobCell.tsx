import { link } from "../lib/route";
import { shortId } from "../lib/format";

/** A job's name as a link, with the start of its id, and why it failed if it did. */
export function JobCell({ id, name, cause }: { id: string; name: string; cause?: string | undefined }) {
  return (
    <span class="name-cell">
      <a href={link.job(id)} title={name}>
        {name}
      </a>
      <code class="muted" title={id}>
        {shortId(id)}
      </code>
      {cause && (
        <a class="cause" href={link.job(id, "exceptions")} title={cause}>
          {cause}
        </a>
      )}
    </span>
  );
}
