import type { ComponentChildren } from "preact";

interface Props {
  name: string;
  label: string;
  value: string;
  onInput: (value: string) => void;
  placeholder?: string;
  error?: string | undefined;
  /** Explains the field below it. */
  hint?: ComponentChildren;
  /** Over the whole width of its form. */
  wide?: boolean;
  /** Values to choose from, with the id of their list. */
  options?: { id: string; values: string[] };
}

/** A labeled text field that says what is wrong with its value. */
export function Field({ name, label, value, onInput, placeholder, error, hint, wide = false, options }: Props) {
  const list = options && options.values.length > 1 ? options.id : undefined;
  return (
    <label class={`field ${wide ? "field-wide" : ""}`}>
      <span>{label}</span>
      <input
        name={name}
        value={value}
        placeholder={placeholder}
        onInput={(event) => onInput(event.currentTarget.value)}
        aria-invalid={error ? "true" : undefined}
        list={list}
        autocomplete="off"
        spellcheck={false}
      />
      {list && (
        <datalist id={list}>
          {options?.values.map((option) => (
            <option key={option} value={option} />
          ))}
        </datalist>
      )}
      {hint && <span class="field-hint">{hint}</span>}
      {error && (
        <span class="field-error" role="alert">
          {error}
        </span>
      )}
    </label>
  );
}
