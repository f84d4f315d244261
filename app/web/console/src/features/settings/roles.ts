/** The roles, and what each may see. */
export const roles: { value: string; label: string; note: string }[] = [
  { value: "admin", label: "管理员", note: "全部权限" },
  { value: "marketer", label: "市场", note: "客户、旅程、配置；手机号和邮箱打码" },
  { value: "analyst", label: "分析", note: "只看，不改" },
  { value: "leader", label: "销售主管", note: "自己和下属的客户" },
  { value: "sales", label: "销售", note: "自己的客户" },
  { value: "employee", label: "员工", note: "自己的分享" },
];

export const roleName = (role: string) => roles.find((r) => r.value === role)?.label ?? role;
