import { duration } from "../lib/format";
import { now } from "../live/clock";
import { trouble } from "../live/leadership";
import { Icon } from "./Icon";

/** One quiet line while the server does not answer or may not decide; what is on the page stays. */
export function ConnectionBanner() {
  const wrong = trouble.value;
  return (
    <div role="status" aria-live="polite">
      {wrong && (
        <div class="banner">
          <Icon name="alert" />
          <span>
            {wrong.title} <span class="banner-detail">{wrong.detail}</span>
          </span>
          <Since time={wrong.since} />
        </div>
      )}
    </div>
  );
}

function Since({ time }: { time: number }) {
  now.value; // once a second
  return <span class="banner-time" aria-hidden="true">{duration(Math.max(0, Date.now() - time))}</span>;
}
