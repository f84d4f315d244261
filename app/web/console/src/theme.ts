import type { ThemeConfig } from "antd";

/** The visual language: one accent, the koi's vermilion for what is hot, an 8 px grid, quiet surfaces. */
export const color = {
  accent: "#1f5fd6",
  koi: "#d9482b",
  ink: "#1d2433",
  quiet: "#667085",
  line: "#e6e9ef",
  ground: "#f5f6f8",
  good: "#1b8a5a",
  warn: "#b7791f",
  bad: "#c6342b",
} as const;

export const theme: ThemeConfig = {
  cssVar: { key: "koi" },
  token: {
    colorPrimary: color.accent,
    colorText: color.ink,
    colorTextSecondary: color.quiet,
    colorBorderSecondary: color.line,
    colorBgLayout: color.ground,
    colorSuccess: color.good,
    colorWarning: color.warn,
    colorError: color.bad,
    borderRadius: 6,
    fontSize: 14,
    fontFamily: '-apple-system, BlinkMacSystemFont, "PingFang SC", "Hiragino Sans GB", "Microsoft YaHei", "WenQuanYi Micro Hei", "Noto Sans CJK SC", sans-serif',
    motion: !matchMedia("(prefers-reduced-motion: reduce)").matches,
    motionDurationMid: "0.12s",
    motionDurationSlow: "0.16s",
  },
  components: {
    Layout: { siderBg: "#ffffff", headerBg: "#ffffff", headerHeight: 56, headerPadding: "0 24px" },
    Menu: { itemHeight: 36, itemMarginInline: 8, itemBorderRadius: 6, itemSelectedBg: "#e9f0fd", activeBarBorderWidth: 0 },
    Table: { headerBg: "#fafbfc", headerSplitColor: "transparent", cellPaddingBlock: 12 },
    Card: { paddingLG: 20 },
  },
};
