import type { ReactNode } from "react";
import { AimIcon, ChartIcon, FireIcon, GearIcon, HomeIcon, PeopleIcon, SendIcon, ShareIcon } from "./icons";

export interface Place {
  path: string;
  label: string;
  /** Who may see it; "" for everyone who is signed in. */
  permission: string;
}

export interface Group {
  key: string;
  label: string;
  icon: ReactNode;
  places: Place[];
}

/** The eight groups of the console. Only what works stands here; a group without places is not shown. */
export const groups: Group[] = [
  { key: "home", label: "工作台", icon: <HomeIcon />, places: [{ path: "/", label: "工作台", permission: "" }] },
  { key: "people", label: "客户", icon: <PeopleIcon />, places: [{ path: "/contacts", label: "客户", permission: "contacts.read" }] },
  { key: "bait", label: "获客", icon: <AimIcon />, places: [] },
  {
    key: "reach",
    label: "触达",
    icon: <SendIcon />,
    places: [
      { path: "/journeys", label: "旅程", permission: "journeys.read" },
      { path: "/messages", label: "消息", permission: "messages.read" },
    ],
  },
  { key: "share", label: "全员营销", icon: <ShareIcon />, places: [{ path: "/shares", label: "分享链路", permission: "shares.read" }] },
  { key: "leads", label: "线索", icon: <FireIcon />, places: [] },
  { key: "insight", label: "分析", icon: <ChartIcon />, places: [] },
  {
    key: "settings",
    label: "设置",
    icon: <GearIcon />,
    places: [
      { path: "/settings/accounts", label: "渠道与健康", permission: "accounts.read" },
      { path: "/settings/system", label: "系统状态", permission: "system.read" },
      { path: "/settings/dead-letters", label: "死信", permission: "system.read" },
      { path: "/settings/users", label: "用户与角色", permission: "users.manage" },
      { path: "/settings/keys", label: "接口密钥", permission: "keys.manage" },
      { path: "/settings/webhooks", label: "Webhook", permission: "accounts.read" },
      { path: "/settings/audit", label: "审计日志", permission: "audit.read" },
    ],
  },
];
