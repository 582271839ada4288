import { link } from "../lib/route";
import { shortId } from "../lib/format";

/** A job's name as a link, with the start of its id. */
export function JobCell({ id, name }: { id: string; name: string }) {
  return (
    <span class="name-cell">
      <a href={link.job(id)} title={name}>
        {name}
      </a>
      <code class="muted" title={id}>
        {shortId(id)}
      </code>
    </span>
  );
}
