import { createBrowserRouter } from "react-router";

export const router = createBrowserRouter([{ path: "/", element: <p className="wait">员工工作台</p> }], { basename: "/staff" });
