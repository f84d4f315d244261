import { api, count, data, time, type Schema } from "@koi/shared";
import { useQuery } from "@tanstack/react-query";
import { Select, Tag } from "antd";
import { Link, useNavigate } from "react-router";
import { useFilters } from "../../components/filters";
import { List } from "../../components/list";
import { LiveDot } from "../../components/marks";
import { Page } from "../../components/page";
import { useRefresh } from "../../components/refresh";
import { Nothing } from "../../components/states";
import { color } from "../../theme";
import { useNames } from "../journeys/names";
import { nameOf } from "./tree";

type Chain = Schema<"ShareChain">;

/** Who shared what, and whom that brought. */
export default function Shares() {
  const [query, set] = useFilters();
  const navigate = useNavigate();
  const page = query.get("page") ?? undefined;
  const staff = query.get("staff") ?? undefined;
  const pages = useQuery({ queryKey: ["shares", "pages"], queryFn: () => data(api.GET("/shares/summary", { params: { query: { by: "page" } } })) });
  const people = useQuery({ queryKey: ["shares", "staff"], queryFn: () => data(api.GET("/shares/summary", { params: { query: { by: "staff" } } })) });
  const names = useNames();
  const live = useRefresh(["events"], [["shares"]], { every: 2_000 });
  return (
    <Page title="分享链路" note="谁分享了哪一页，一层一层带来了谁；只有真的新朋友才计入。" extra={<LiveDot on={live} />}>
      <List<Chain>
        queryKey={["shares", "list", page, staff]}
        load={(cursor) => data(api.GET("/shares", { params: { query: { page, staff, cursor, limit: 50 } } }))}
        rowKey="id"
        onRow={(c) => ({ onClick: () => navigate(`/shares/${encodeURIComponent(c.token)}`), style: { cursor: "pointer" } })}
        filters={
          <>
            <Select
              allowClear
              showSearch={{ optionFilterProp: "label" }}
              placeholder="页面"
              value={page}
              onChange={(v) => set("page", v)}
              options={(pages.data?.items ?? []).map((p) => ({ value: p.page ?? "", label: `${names("page", p.page ?? "") ?? p.page}（计入 ${p.counted}）` }))}
              style={{ width: 240 }}
              aria-label="按页面筛选"
            />
            <Select
              allowClear
              showSearch={{ optionFilterProp: "label" }}
              placeholder="源头员工"
              value={staff}
              onChange={(v) => set("staff", v)}
              options={(people.data?.items ?? []).flatMap((p) => (p.staff ? [{ value: `${p.staff.corp_id}/${p.staff.user_id}`, label: `${p.staff.name || p.staff.user_id}（计入 ${p.counted}）` }] : []))}
              style={{ width: 200 }}
              aria-label="按员工筛选"
            />
          </>
        }
        empty={page || staff ? <Nothing what="没有符合条件的分享" /> : <Nothing what="还没有分享" hint="员工在员工端「素材分享」里转发页面，有人打开，链路就从这里长出来。" />}
        columns={[
          {
            title: "第一个分享的人",
            width: 200,
            render: (_, c) => (
              <Link to={`/shares/${encodeURIComponent(c.token)}`} onClick={(e) => e.stopPropagation()} style={{ fontWeight: 500 }}>
                {nameOf(c.sharer)}
                {c.sharer.staff && (
                  <Tag color="blue" style={{ marginInlineStart: 8 }}>
                    员工
                  </Tag>
                )}
              </Link>
            ),
          },
          { title: "页面", render: (_, c) => names("page", c.page) ?? c.page },
          { title: "打开", width: 80, align: "right", render: (_, c) => <span className="num">{count(c.opens)}</span> },
          { title: "计入", width: 80, align: "right", render: (_, c) => <b className="num">{count(c.counted)}</b> },
          { title: "新访客", width: 80, align: "right", render: (_, c) => <span className="num">{count(c.newcomers)}</span> },
          { title: "几层", width: 72, align: "right", render: (_, c) => <span className="num">{count(c.depth)}</span> },
          {
            title: "业绩",
            width: 200,
            render: (_, c) => (
              <span className="num" style={{ color: color.quiet }}>
                待结算 {count(c.pending)} · 已结算 <b style={{ color: color.good }}>{count(c.settled)}</b>
                {c.reversed > 0 && ` · 已撤销 ${count(c.reversed)}`}
              </span>
            ),
          },
          { title: "开始", width: 120, render: (_, c) => time(c.created_at) },
        ]}
      />
    </Page>
  );
}
