import type { ComponentChildren } from "preact";

export interface Tab {
  id: string;
  title: ComponentChildren;
  href: string;
}

/** Links between the parts of a page; each part has its own address. */
export function Tabs({ tabs, current, label }: { tabs: Tab[]; current: string; label: string }) {
  return (
    <nav class="tabs" aria-label={label}>
      {tabs.map((tab) => (
        <a key={tab.id} href={tab.href} class="tab" aria-current={tab.id === current ? "page" : undefined}>
          {tab.title}
        </a>
      ))}
    </nav>
  );
}
