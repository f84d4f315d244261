import { useSession } from "@koi/shared";
import { Card } from "antd";
import { Navigate, useNavigate, useSearchParams } from "react-router";
import { Mark } from "../../shell";
import { SignInForm } from "./form";

export default function SignInPage() {
  const session = useSession();
  const navigate = useNavigate();
  const [query] = useSearchParams();
  const to = inside(query.get("to"));
  if (session.me && !session.lost) return <Navigate to={to} replace />;
  return (
    <main style={{ minHeight: "100dvh", display: "grid", placeItems: "center", padding: 24 }}>
      <Card style={{ width: 400, boxShadow: "0 8px 32px #1d243314" }} variant="borderless">
        <div style={{ display: "flex", gap: 12, alignItems: "center", marginBottom: 24 }}>
          <Mark size={40} />
          <div>
            <h1 style={{ fontSize: 20, margin: 0 }}>锦鲤 Koi</h1>
            <div style={{ color: "#667085" }}>微信 / 企业微信 SCRM 与营销自动化</div>
          </div>
        </div>
        <SignInForm onDone={() => navigate(to)} />
      </Card>
    </main>
  );
}

/** Only a path of this app: an address in the link must not lead elsewhere. */
function inside(to: string | null): string {
  return to && to.startsWith("/") && !to.startsWith("//") ? to : "/";
}
