import { keepPreviousData, useInfiniteQuery, type QueryKey } from "@tanstack/react-query";
import { Button, Card, Table, type TableProps } from "antd";
import type { ReactNode } from "react";
import { Failure } from "./states";

interface PageOf<T> {
  items: T[] | null;
  next?: string;
}

/**
 * A list as every screen shows one: filters above, rows that load on, and what to say when there are none.
 * Filters belong into the address, so that a list can be sent to a colleague.
 */
export function List<T extends object>({
  queryKey,
  load,
  columns,
  rowKey,
  filters,
  empty,
  onRow,
  onSort,
}: {
  queryKey: QueryKey;
  load(cursor: string | undefined): Promise<PageOf<T>>;
  columns: TableProps<T>["columns"];
  rowKey: keyof T & string;
  filters?: ReactNode;
  empty: ReactNode;
  onRow?: TableProps<T>["onRow"];
  /** The key of the column that rows are sorted by now; none: the list's own order. */
  onSort?(column: string | undefined): void;
}) {
  const q = useInfiniteQuery({
    queryKey,
    queryFn: ({ pageParam }) => load(pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next || undefined,
    placeholderData: keepPreviousData,
  });
  const rows = q.data?.pages.flatMap((p) => p.items ?? []) ?? [];
  return (
    <Card variant="borderless" styles={{ body: { padding: 0 } }}>
      {filters && <div style={{ display: "flex", gap: 8, flexWrap: "wrap", padding: 16 }}>{filters}</div>}
      {q.error && rows.length === 0 ? (
        <Failure error={q.error} onRetry={() => void q.refetch()} />
      ) : (
        <Table<T>
          columns={columns}
          dataSource={rows}
          rowKey={rowKey}
          loading={q.isPending || q.isPlaceholderData}
          pagination={false}
          onRow={onRow}
          onChange={(_page, _filters, sorter) => {
            const one = Array.isArray(sorter) ? sorter[0] : sorter;
            onSort?.(one?.order ? String(one.columnKey) : undefined);
          }}
          showSorterTooltip={false}
          locale={{ emptyText: q.isPending ? " " : empty }}
          scroll={{ x: 960 }}
        />
      )}
      {q.hasNextPage && (
        <div style={{ padding: 16, textAlign: "center" }}>
          <Button loading={q.isFetchingNextPage} onClick={() => void q.fetchNextPage()}>
            加载更多
          </Button>
        </div>
      )}
    </Card>
  );
}
