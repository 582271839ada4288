import { Ago } from "../../components/Times";
import { now } from "../../live/clock";

/** Heartbeats come every 10 s by default: after two are missed one should look. */
const LATE_MS = 25_000;

/** The age of the last heartbeat, marked when it is late. */
export function Heartbeat({ time }: { time: number }) {
  const late = time > 0 && now.value - time > LATE_MS;
  return (
    <span class={late ? "text-warning" : ""}>
      <Ago time={time} />
    </span>
  );
}
