import { Icon } from "./Icon";

/** A search field; what it filters is on the same page, so it acts while typing. */
export function Search({ value, onInput, label }: { value: string; onInput: (value: string) => void; label: string }) {
  return (
    <span class="search">
      <Icon name="search" size={14} />
      <input type="search" value={value} placeholder={label} aria-label={label} spellcheck={false} onInput={(event) => onInput(event.currentTarget.value)} />
    </span>
  );
}
