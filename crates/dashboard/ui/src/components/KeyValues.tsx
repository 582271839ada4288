import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { DataTable } from "./DataTable";
import { Empty } from "./Notice";
import { Search } from "./Search";

/** Settings do not change while one looks: they can all be drawn, and found by the browser's own search. */
const ALL = 1000;

/** Settings with a search over keys and values. */
export function KeyValues({ label, entries, empty, hint }: { label: string; entries: { key: string; value: string }[]; empty: string; hint?: ComponentChildren }) {
  const [search, setSearch] = useState("");
  if (entries.length === 0) return <Empty title={empty}>{hint}</Empty>;
  const needle = search.trim().toLowerCase();
  const rows = entries.filter(({ key, value }) => `${key}\n${value}`.toLowerCase().includes(needle));
  return (
    <>
      <div class="toolbar">
        <Search value={search} onInput={setSearch} label="Search keys and values" />
        <span class="muted">
          {rows.length} of {entries.length}
        </span>
      </div>
      {rows.length === 0 ? (
        <Empty icon="search" title={`Nothing matches "${search}"`} />
      ) : (
        <DataTable
          label={label}
          rows={rows}
          rowKey={(row) => row.key}
          sort={{ by: "key", order: "ascending" }}
          pageSize={ALL}
          columns={[
            { id: "key", title: "Key", value: (row) => row.key, cell: (row) => <code>{row.key}</code>, heading: true },
            { id: "value", title: "Value", value: (row) => row.value, cell: (row) => <code class="value">{row.value}</code> },
          ]}
        />
      )}
    </>
  );
}
