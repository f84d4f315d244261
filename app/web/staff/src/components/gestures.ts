export { PullToRefresh } from "antd-mobile";
