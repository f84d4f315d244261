import { useSession } from "@koi/shared";
import { Modal } from "antd";
import { SignInForm } from "./form";

/** Asks for the password over the open screen when the session has ended: nothing typed below is lost. */
export default function SignInAgain() {
  const session = useSession();
  return (
    <Modal open={session.lost} title="登录已过期" footer={null} closable={false} mask={{ closable: false }} width={400} destroyOnHidden>
      <p>请重新登录。页面上没有保存的内容还在，登录后可以继续。</p>
      <SignInForm login={session.me?.user?.login} onDone={() => {}} />
    </Modal>
  );
}
