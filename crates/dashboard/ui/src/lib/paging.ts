/** Which rows of a long table are drawn. */
export interface PageRange {
  page: number;
  pages: number;
  from: number;
  to: number;
}

/** The rows of a page; one that is not there any more becomes the last. */
export function pageOf(count: number, page: number, size: number): PageRange {
  const pages = Math.max(1, Math.ceil(count / size));
  const shown = Math.min(Math.max(0, page), pages - 1);
  return { page: shown, pages, from: shown * size, to: Math.min(count, (shown + 1) * size) };
}
