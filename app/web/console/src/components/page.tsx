import { useEffect, type ReactNode } from "react";

/** The head every screen has: what it is, in a word and a sentence, and what can be done. */
export function Page({ title, note, extra, children }: { title: string; note?: ReactNode; extra?: ReactNode; children: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · 锦鲤 Koi`;
  }, [title]);
  return (
    <main className="page">
      <div className="page-head">
        <div>
          <h1>{title}</h1>
          {note && <p>{note}</p>}
        </div>
        <div style={{ display: "flex", gap: 8, flexWrap: "wrap", justifyContent: "flex-end" }}>{extra}</div>
      </div>
      {children}
    </main>
  );
}
