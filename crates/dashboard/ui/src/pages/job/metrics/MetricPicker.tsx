import { useEffect, useRef, useState } from "preact/hooks";
import type { Vertex } from "../../../api/types";
import { Card } from "../../../components/Card";
import { Icon } from "../../../components/Icon";
import { Empty } from "../../../components/Notice";
import { Search } from "../../../components/Search";
import { matches, meaningOf, readingOf, splitName } from "../../../lib/metric-catalog";
import { MOST_PICKED, type Offer, type Picked } from "../../../lib/picked-metrics";

/** More are not drawn at once: a search finds the rest. */
const DRAWN = 120;

interface Props {
  offers: readonly Offer[];
  picked: readonly Picked[];
  vertices: readonly Vertex[];
  onToggle: (pick: Picked) => void;
  onClose: () => void;
}

/** All metrics of the job with what they mean, to search in by name, meaning, operator or vertex. */
export function MetricPicker({ offers, picked, vertices, onToggle, onClose }: Props) {
  const [search, setSearch] = useState("");
  const [vertex, setVertex] = useState("");
  const frame = useRef<HTMLDivElement>(null);
  useEffect(() => frame.current?.querySelector<HTMLInputElement>("input")?.focus(), []);
  const found = offers.filter((offer) => (vertex === "" || (offer.vertex ?? "job") === vertex) && matches(search, offer.id, offer.vertexName ?? "job"));
  const full = picked.length >= MOST_PICKED;
  return (
    <Card flush class="metric-picker">
      <div
        ref={frame}
        onKeyDown={(event) => {
          if (event.key !== "Escape" || (event.target instanceof HTMLInputElement && event.target.value !== "")) return;
          event.stopPropagation();
          onClose();
        }}
      >
        <div class="toolbar">
          <Search value={search} onInput={setSearch} label="Search name, operator or meaning" />
          <select aria-label="Of which vertex" value={vertex} onChange={(event) => setVertex(event.currentTarget.value)}>
            <option value="">Everything</option>
            <option value="job">Whole job</option>
            {vertices.map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </select>
          <span class="muted toolbar-end">
            {found.length} of {offers.length}
            {full && `; ${MOST_PICKED} charts are shown, remove one first`}
          </span>
        </div>
        {found.length === 0 ? (
          <Empty icon="search" title={offers.length === 0 ? "No metric is known yet" : "No metric matches"}>{offers.length === 0 ? "The first ones come some seconds after a job starts." : "Search by name, operator, meaning or unit."}</Empty>
        ) : (
          <ul class="metric-list" aria-label="Metrics">
            {found.slice(0, DRAWN).map((offer) => {
              const on = picked.some(({ id, vertex: of }) => id === offer.id && of === offer.vertex);
              const { scope, name } = splitName(offer.id);
              return (
                <li key={`${offer.vertex}/${offer.id}`}>
                  <button
                    type="button"
                    class="metric-offer"
                    aria-pressed={on}
                    disabled={!on && full}
                    onClick={() => onToggle({ id: offer.id, vertex: offer.vertex, vertexName: offer.vertexName, how: offer.remembered === null ? "sum" : "history" })}
                  >
                    <span class="metric-mark">{on && <Icon name="check" size={13} />}</span>
                    <span class="metric-name">
                      {scope && <span class="muted">{scope}.</span>}
                      {name}
                    </span>
                    <span class="metric-of clip">{offer.vertexName ?? "whole job"}</span>
                    <span class="metric-meaning muted">
                      {meaningOf(offer.id)}
                      {readingOf(offer.id, offer.unit).unit && <span class="badge">{readingOf(offer.id, offer.unit).unit}</span>}
                      {offer.remembered !== null && <span class="badge badge-kept">last hour</span>}
                    </span>
                  </button>
                </li>
              );
            })}
          </ul>
        )}
        {found.length > DRAWN && <p class="muted detail-text">{found.length - DRAWN} more: type to narrow them down.</p>}
      </div>
    </Card>
  );
}
