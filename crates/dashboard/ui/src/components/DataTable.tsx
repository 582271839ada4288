import { type ComponentChildren, Fragment } from "preact";
import { useState } from "preact/hooks";
import { type Order, sortBy } from "../lib/sort";
import { pageOf } from "../lib/paging";
import { Icon } from "./Icon";
import { Pager } from "./Pager";

export interface Column<T> {
  id: string;
  title: string;
  /** What to sort by; without it the column does not sort. */
  value?: (row: T) => number | string;
  cell: (row: T) => ComponentChildren;
  /** Explains the column. */
  hint?: string;
  numeric?: boolean;
  /** The cell that names the row; on narrow screens it becomes its heading. */
  heading?: boolean;
  /** A heading that is only a number: it needs its title beside it, and little width. */
  compact?: boolean;
  /** Needs a line of its own on narrow screens. */
  wide?: boolean;
}

interface Props<T> {
  label: string;
  columns: Column<T>[];
  rows: readonly T[];
  rowKey: (row: T) => string;
  /** Sorting at the start; without it rows keep the given order. */
  sort?: { by: string; order: Order };
  /** Makes rows react to clicks. The heading cell must hold a link or button for the keyboard. */
  onRow?: (row: T) => void;
  selected?: string | null;
  /** What stands below an opened row, over its whole width; null for rows that are not open. */
  detail?: (row: T) => ComponentChildren;
  /** Rows drawn at once: long tables are shown page by page, so that they stay quick. */
  pageSize?: number;
}

const PAGE_SIZE = 50;
/** From so many columns on, narrow screens show values in pairs. */
const MANY = 5;

/** A sortable table that turns into a list of small cards where the screen is narrow. */
export function DataTable<T>({ label, columns, rows, rowKey, sort: start, onRow, selected, detail, pageSize = PAGE_SIZE }: Props<T>) {
  const [sort, setSort] = useState(start ?? null);
  const by = columns.find((column) => column.id === sort?.by)?.value;
  const [page, setPage] = useState(0);
  const all = sort && by ? sortBy(rows, by, sort.order) : rows;
  const range = pageOf(all.length, page, pageSize);
  const shown = all.slice(range.from, range.to);
  const toggle = (column: Column<T>) => {
    const first: Order = column.numeric ? "descending" : "ascending";
    const other: Order = column.numeric ? "ascending" : "descending";
    setSort({ by: column.id, order: sort?.by === column.id && sort.order === first ? other : first });
  };
  return (
    <div class="table-scroll">
      <table class={columns.length >= MANY ? "table table-many" : "table"} aria-label={label}>
        <thead>
          <tr>
            {columns.map((column) => (
              <th
                key={column.id}
                scope="col"
                class={column.numeric ? "num" : undefined}
                title={column.hint}
                aria-sort={sort?.by === column.id ? sort.order : undefined}
              >
                {column.value ? (
                  <button type="button" class="sort" onClick={() => toggle(column)}>
                    {column.title}
                    <span class={`sort-mark ${sort?.by === column.id ? sort.order : ""}`}>
                      <Icon name="chevron" size={11} />
                    </span>
                  </button>
                ) : (
                  column.title
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {shown.map((row) => {
            const key = rowKey(row);
            const below = detail?.(row) ?? null;
            return (
              <Fragment key={key}>
                <tr
                  class={`${onRow ? "clickable" : ""} ${selected === key ? "selected" : ""} ${below ? "opened" : ""}`}
                  onClick={onRow && ((event) => !isControl(event.target) && onRow(row))}
                >
                  {columns.map((column) => (
                    <td key={column.id} class={`${column.numeric ? "num" : ""} ${column.heading ? "heading" : ""} ${column.compact ? "compact" : ""} ${column.wide ? "wide" : ""}`} data-label={column.title}>
                      {column.cell(row)}
                    </td>
                  ))}
                </tr>
                {below && (
                  <tr class="detail-row">
                    <td colSpan={columns.length}>{below}</td>
                  </tr>
                )}
              </Fragment>
            );
          })}
        </tbody>
      </table>
      {range.pages > 1 && <Pager range={range} total={all.length} label={label} onPage={setPage} />}
    </div>
  );
}

/** Links and buttons inside a row act for themselves, and selecting text is not a click. */
function isControl(target: EventTarget | null): boolean {
  if (target instanceof Element && target.closest("a, button, input, summary, label")) return true;
  return (getSelection()?.toString() ?? "") !== "";
}
