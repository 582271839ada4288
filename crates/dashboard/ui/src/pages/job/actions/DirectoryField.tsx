import { Field } from "../../../components/Field";

/** Where savepoints go; the server knows a place of its own if it was given one. */
export function DirectoryField({ value, onInput }: { value: string; onInput: (value: string) => void }) {
  return (
    <Field
      name="directory"
      label="Target directory"
      placeholder="s3://bucket/savepoints"
      value={value}
      onInput={onInput}
      hint={
        <>
          Empty: the one of <code>execution.checkpointing.savepoint-dir</code>
        </>
      }
    />
  );
}

/** What was typed, or null for the server's own place. */
export function directoryOf(text: string): string | null {
  return text.trim() || null;
}
