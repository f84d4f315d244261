import { ago, api, count, data, type Schema } from "@koi/shared";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Input, Select, Tag } from "antd";
import { Link, useNavigate } from "react-router";
import { useFilters } from "../../components/filters";
import { List } from "../../components/list";
import { Grade, Meter } from "../../components/marks";
import { Page } from "../../components/page";
import { Nothing } from "../../components/states";
import { color } from "../../theme";

type Line = Schema<"ContactLine">;

/** The pond: everybody Koi knows, narrowed by what is known of them. The filters stand in the address. */
export default function Contacts() {
  const [query, set] = useFilters();
  const navigate = useNavigate();
  const tags = useQuery({ queryKey: ["tags"], queryFn: () => data(api.GET("/tags", { params: { query: { limit: 200 } } })), staleTime: 60_000 });
  const stages = useQuery({ queryKey: ["stages"], queryFn: () => data(api.GET("/stages", { params: { query: { limit: 200 } } })), staleTime: 60_000 });
  const staff = useQuery({ queryKey: ["staff"], queryFn: () => data(api.GET("/staff", { params: { query: { limit: 200 } } })), staleTime: 60_000 });
  const filter = {
    q: query.get("q") ?? undefined,
    tag: query.get("tag") ?? undefined,
    stage: query.get("stage") ?? undefined,
    staff: query.get("staff") ?? undefined,
    ...(query.get("intent") ? { score: "intent", min_score: Number(query.get("intent")) } : {}),
  };
  const size = useQuery({ queryKey: ["contacts", "count", filter], queryFn: () => data(api.GET("/contacts/count", { params: { query: filter } })), placeholderData: keepPreviousData });
  const sort = query.get("sort") ?? undefined;
  const narrowed = Object.values(filter).some(Boolean);
  return (
    <Page
      title="客户"
      note="池塘里的每一条鱼：从哪来、做过什么、现在多想买。"
      extra={
        size.data && (
          <span role="status" className="num" style={{ color: color.quiet }}>
            {narrowed ? "符合条件 " : "共 "}
            {count(size.data.count)}
            {size.data.more && "+"} 人
          </span>
        )
      }
    >
      <List<Line>
        queryKey={["contacts", filter, sort]}
        load={(cursor) => data(api.GET("/contacts", { params: { query: { ...filter, sort, cursor, limit: 50 } } }))}
        onSort={(key) => set("sort", key)}
        rowKey="id"
        onRow={(c) => ({ onClick: () => navigate(`/contacts/${c.id}`), style: { cursor: "pointer" } })}
        filters={
          <>
            <Input.Search
              allowClear
              placeholder="姓名、公司，或完整的手机号、邮箱"
              defaultValue={filter.q}
              onSearch={(v) => set("q", v.trim())}
              style={{ width: 280 }}
              aria-label="搜索客户"
            />
            <Select
              allowClear
              placeholder="阶段"
              value={filter.stage}
              onChange={(v) => set("stage", v)}
              options={(stages.data?.items ?? []).map((s) => ({ value: s.key, label: s.name }))}
              style={{ width: 160 }}
              aria-label="按阶段筛选"
            />
            <Select
              allowClear
              showSearch={{ optionFilterProp: "label" }}
              placeholder="标签"
              value={filter.tag}
              onChange={(v) => set("tag", v)}
              options={(tags.data?.items ?? []).map((t) => ({ value: t.key, label: t.name }))}
              style={{ width: 180 }}
              aria-label="按标签筛选"
            />
            <Select
              allowClear
              showSearch={{ optionFilterProp: "label" }}
              placeholder="企微好友员工"
              value={filter.staff}
              onChange={(v) => set("staff", v)}
              options={(staff.data?.items ?? []).map((s) => ({ value: s.user_id, label: s.name || s.user_id }))}
              style={{ width: 160 }}
              aria-label="按员工筛选"
            />
            <Select
              allowClear
              placeholder="意向分"
              value={query.get("intent") ?? undefined}
              onChange={(v) => set("intent", v)}
              options={[
                { value: "70", label: "意向 ≥ 70（热）" },
                { value: "40", label: "意向 ≥ 40" },
                { value: "15", label: "意向 ≥ 15" },
              ]}
              style={{ width: 160 }}
              aria-label="按意向分筛选"
            />
          </>
        }
        empty={
          narrowed ? (
            <Nothing what="没有符合条件的客户" hint="放宽或清除筛选条件试试。" />
          ) : (
            <Nothing what="还没有客户" hint={<>接入公众号或企业微信后，每一次关注、扫码、加好友都会在这里留下一个人。去<Link to="/settings/accounts">渠道与健康</Link>。</>} />
          )
        }
        columns={[
          {
            title: "客户",
            dataIndex: "name",
            render: (_, c) => (
              <div>
                <Link to={`/contacts/${c.id}`} onClick={(e) => e.stopPropagation()} style={{ fontWeight: 500 }}>
                  {c.name || `客户 ${c.id}`}
                </Link>
                {c.excluded && <Tag style={{ marginInlineStart: 8 }}>不计分</Tag>}
                <div style={{ color: color.quiet, fontSize: 13 }}>{[c.company, c.title].filter(Boolean).join(" · ") || " "}</div>
              </div>
            ),
          },
          { title: "阶段", width: 160, render: (_, c) => (c.stage ? <Tag>{c.stage.name}</Tag> : "—") },
          { title: "等级", width: 72, render: (_, c) => <Grade grade={c.grade} /> },
          {
            title: "意向分",
            key: "intent",
            width: 160,
            sorter: true,
            sortDirections: ["descend"],
            sortOrder: sort === "intent" ? "descend" : null,
            render: (_, c) => <Meter points={c.scores.find((s) => s.key === "intent")?.points ?? 0} />,
          },
          {
            title: "标签",
            render: (_, c) => (
              <span style={{ display: "flex", gap: 4, flexWrap: "wrap", maxWidth: 320 }}>
                {c.tags.slice(0, 4).map((t) => (
                  <Tag key={t.key} variant="filled">
                    {t.name}
                  </Tag>
                ))}
                {c.tags.length > 4 && <span style={{ color: color.quiet }}>等 {c.tags.length} 个</span>}
              </span>
            ),
          },
          { title: "企微好友", width: 140, render: (_, c) => c.staff.map((s) => s.name || s.user_id).join("、") || "—" },
          { title: "最近活跃", width: 120, render: (_, c) => ago(c.last_active_at) },
        ]}
      />
    </Page>
  );
}
