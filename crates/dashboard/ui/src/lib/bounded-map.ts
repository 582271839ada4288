/** Values by key, made when they are first asked for. The oldest goes when there are too many. */
export class BoundedMap<T> {
  private readonly values = new Map<string, T>();

  constructor(
    private readonly make: () => T,
    private readonly most: number,
  ) {}

  get(key: string): T {
    let value = this.values.get(key);
    if (value === undefined) {
      value = this.make();
      this.values.set(key, value);
      const oldest = this.values.keys().next().value;
      if (this.values.size > this.most && oldest !== undefined) this.values.delete(oldest);
    }
    return value;
  }
}
