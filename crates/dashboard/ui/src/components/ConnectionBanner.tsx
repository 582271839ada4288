import { duration } from "../lib/format";
import { now } from "../live/clock";
import { connectionLost } from "../live/connection";
import { Icon } from "./Icon";

/** One quiet line while the server does not answer; what is on the page stays, and is old. */
export function ConnectionBanner() {
  const lost = connectionLost.value;
  return (
    <div role="status" aria-live="polite">
      {lost && (
        <div class="banner">
          <Icon name="alert" />
          <span>
            Connection lost, retrying. <span class="banner-detail">{lost.reason} What you see is from before.</span>
          </span>
          <Since time={lost.since} />
        </div>
      )}
    </div>
  );
}

function Since({ time }: { time: number }) {
  now.value; // once a second
  return <span class="banner-time" aria-hidden="true">{duration(Math.max(0, Date.now() - time))}</span>;
}
