import { api } from "../../../api/client";
import type { Rescale } from "../../../api/observe-types";
import type { Job } from "../../../api/types";
import { Icon } from "../../../components/Icon";
import { Elapsed } from "../../../components/Times";
import { askedRescale, rescaleOutcome } from "../../../lib/rescale";
import { optional } from "../../../live/endpoints";
import { usePoll } from "../../../live/poll";
import { dismissRescale, rescalesAsked } from "../../../live/rescales";

const ICONS = { running: "checkpoint", done: "check", failed: "alert" } as const;

/** What became of the rescale that this viewer asked for. */
export function RescaleNotice({ job }: { job: Job }) {
  const asked = rescalesAsked.value.get(job.jid);
  const { data } = usePoll<Rescale[] | null>(`rescale-asked/${job.jid}/${asked}`, (signal) => optional("rescales", () => api.rescales(job.jid, signal)).catch(() => null), {
    enabled: asked !== undefined,
    until: (list) => list === null || askedRescale(list, asked ?? 0)?.terminalState != null,
  });
  if (asked === undefined || data === null) return null;
  const found = askedRescale(data, asked);
  const { state, title, detail } = rescaleOutcome(found);
  return (
    <div class="operations" role="status" aria-live="polite">
      <div class={`operation operation-${state}`}>
        <Icon name={ICONS[state]} size={18} />
        <div class="operation-text">
          <p>
            <strong>{title}</strong>
            {state === "running" && (
              <span class="muted" aria-hidden="true">
                <Elapsed start={asked} end={-1} />
              </span>
            )}
          </p>
          {state === "running" && <span class="progress" aria-hidden="true" />}
          {detail && <p class="pre">{detail}</p>}
        </div>
        {state !== "running" && (
          <button type="button" class="icon-button" onClick={() => dismissRescale(job.jid)} aria-label="Dismiss" title="Dismiss">
            <Icon name="close" size={14} />
          </button>
        )}
      </div>
    </div>
  );
}
