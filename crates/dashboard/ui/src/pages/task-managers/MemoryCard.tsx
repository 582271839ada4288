import type { TaskManagerDetail } from "../../api/types";
import { Card } from "../../components/Card";
import { Meter } from "../../components/Meter";
import { Empty } from "../../components/Notice";
import { bytes, grouped, percent } from "../../lib/format";
import { memoryUses } from "../../lib/memory";

/** Used memory by kind. */
export function MemoryCard({ tm }: { tm: TaskManagerDetail }) {
  const uses = memoryUses(tm);
  return (
    <Card title="Memory">
      {uses.length === 0 && <Empty title="This TaskManager reports no memory" />}
      <dl class="memory">
        {uses.map((use) => (
          <div key={use.name} title={use.hint}>
            <dt>{use.name}</dt>
            <dd title={`${grouped(use.used)} of ${grouped(use.limit)} bytes`}>
              {bytes(use.used)} <span class="muted">of {bytes(use.limit)} ({percent(use.used / use.limit)})</span>
            </dd>
            <Meter share={use.used / use.limit} tone={use.used / use.limit > 0.9 ? "failed" : "finished"} label={use.name} />
          </div>
        ))}
      </dl>
    </Card>
  );
}
