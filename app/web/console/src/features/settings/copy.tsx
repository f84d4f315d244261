import { App, Button } from "antd";
import { color } from "../../theme";

/** A value to be taken to the platform's console. */
export function Copy({ text, name }: { text: string; name: string }) {
  const { message } = App.useApp();
  return (
    <span style={{ display: "flex", gap: 8, alignItems: "center", minWidth: 0 }}>
      <code style={{ flex: 1, minWidth: 0, overflow: "hidden", textOverflow: "ellipsis", whiteSpace: "nowrap", background: color.ground, borderRadius: 4, padding: "2px 8px", fontSize: 13 }} title={text}>
        {text}
      </code>
      <Button
        size="small"
        aria-label={`复制${name}`}
        onClick={async () => {
          await copy(text);
          void message.success(`${name}已复制`);
        }}
      >
        复制
      </Button>
    </span>
  );
}

/** Without HTTPS browsers keep the clipboard away from pages; the old way still works then. */
export async function copy(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}
