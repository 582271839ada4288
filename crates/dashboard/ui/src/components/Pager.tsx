import { grouped } from "../lib/format";
import type { PageRange } from "../lib/paging";

/** Which rows of a long table are shown, and the way to the others. */
export function Pager({ range, total, label, onPage }: { range: PageRange; total: number; label: string; onPage: (page: number) => void }) {
  const { page, pages, from, to } = range;
  return (
    <nav class="pager" aria-label={`Pages of ${label}`}>
      <span class="muted">
        {grouped(from + 1)} to {grouped(to)} of {grouped(total)}
      </span>
      <button type="button" class="button" disabled={page === 0} onClick={() => onPage(page - 1)}>
        Previous
      </button>
      <button type="button" class="button" disabled={page === pages - 1} onClick={() => onPage(page + 1)}>
        Next
      </button>
    </nav>
  );
}
