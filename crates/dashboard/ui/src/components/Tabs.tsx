import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

export interface Tab {
  id: string;
  title: ComponentChildren;
  href: string;
}

/** Links between the parts of a page; each part has its own address. */
export function Tabs({ tabs, current, label }: { tabs: Tab[]; current: string; label: string }) {
  const nav = useRef<HTMLElement>(null);
  // Where not all tabs fit, the current one is in sight. Only the row itself is scrolled, never the page.
  useLayoutEffect(() => {
    const row = nav.current;
    const tab = row?.querySelector<HTMLElement>("[aria-current]");
    if (row && tab) row.scrollLeft = tab.offsetLeft - row.offsetLeft - (row.clientWidth - tab.offsetWidth) / 2;
  }, [current]);
  return (
    <nav ref={nav} class="tabs" aria-label={label}>
      {tabs.map((tab) => (
        <a key={tab.id} href={tab.href} class="tab" aria-current={tab.id === current ? "page" : undefined}>
          {tab.title}
        </a>
      ))}
    </nav>
  );
}
