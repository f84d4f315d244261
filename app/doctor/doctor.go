// Package doctor looks at a whole Koi from the outside in: address, disk, database, progress, and each
// platform account as far as its interfaces tell. Every finding says in Chinese what it is and what to do.
//
// It changes nothing and sends nothing to anybody. It refuses to know how a platform is asked: examiners of
// the channels do.
package doctor

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/koi-scrm/koi/app/account"
	"github.com/koi-scrm/koi/app/db"
	"github.com/koi-scrm/koi/app/fault"
	"github.com/koi-scrm/koi/configs"
)

// Examiner looks at the accounts of one platform.
type Examiner interface {
	Examine(ctx context.Context) []account.Finding
}

// Troubles counts what waits for an operator.
type Troubles struct {
	DeadLetters, Alarms, Pauses int
}

// Parts are what a doctor looks at.
type Parts struct {
	Config    *configs.Config
	Stores    *db.Stores
	Accounts  *account.Directory
	Tokens    *account.Tokens
	Examiners []Examiner
	// Serving reports whether this process takes callbacks; without, nobody answers them now.
	Serving func() bool
	// Ready is why this node cannot do its work, or nil.
	Ready    func(ctx context.Context) error
	Troubles func(ctx context.Context) (Troubles, error)
	// Unmanned lists journeys whose alerts end with roles that nobody has.
	Unmanned func() []string
}

// Doctor examines.
type Doctor struct{ Parts }

// New makes a doctor.
func New(p Parts) *Doctor { return &Doctor{p} }

// Examine asks everything that can be asked, the platforms too; it takes seconds. What is wrong stands in
// the findings, never in an error.
func (d *Doctor) Examine(ctx context.Context) []account.Finding {
	out := []account.Finding{d.address(), d.disk(), d.database(ctx)}
	out = append(out, d.progress(ctx)...)
	out = append(out, account.Finding{Check: "密钥备份", Verdict: account.ByHand, What: "密钥丢了，手机号、邮箱和平台凭据都打不开；备份里没有它",
		Do: "请确认 secret_key 或 " + filepath.Join(d.Config.DataDir, "secret.key") + " 已另外保管"})
	if len(d.Accounts.List()) == 0 {
		return append(out, account.Finding{Check: "平台账号", Verdict: account.Doubt, What: "还没有接入任何平台账号", Do: "请在「设置 → 平台账号」或配置文件 accounts 里添加公众号、企业微信、小程序或短信"})
	}
	out = append(out, d.credentials(ctx)...)
	out = append(out, d.alerts()...)
	for _, x := range d.Examiners {
		out = append(out, x.Examine(ctx)...)
	}
	return out
}

func (d *Doctor) address() account.Finding {
	f := account.Finding{Check: "对外地址"}
	u, err := url.Parse(d.Config.PublicURL)
	if err != nil || u.Host == "" {
		f.Verdict, f.What, f.Do = account.Bad, "public_url 不是有效的地址："+d.Config.PublicURL, "请在配置里改成形如 https://koi.example.com 的地址"
		return f
	}
	ip := net.ParseIP(u.Hostname())
	switch {
	case u.Hostname() == "localhost" || ip != nil && (ip.IsLoopback() || ip.IsPrivate()):
		f.Verdict, f.What, f.Do = account.Doubt, "public_url 是 "+d.Config.PublicURL+"，只有本机或内网能访问", "要接真实平台，请用反向代理提供公网域名，并把 public_url 设为它"
	case u.Scheme != "https":
		f.Verdict, f.What, f.Do = account.Doubt, "public_url 不是 HTTPS，微信里打开的页面和网页授权会受限", "请在反向代理上配置证书，并把 public_url 改成 https://"
	default:
		f.Verdict, f.What = account.Good, d.Config.PublicURL
	}
	return f
}

// Room below which a disk is worth a word, and below which Koi will stop taking events before long.
const (
	scarce = 5 << 30
	full   = 512 << 20
)

func (d *Doctor) disk() account.Finding {
	f := account.Finding{Check: "数据目录"}
	probe, err := os.CreateTemp(d.Config.DataDir, ".doctor-")
	if err != nil {
		f.Verdict, f.What, f.Do = account.Bad, "写不了数据目录 "+d.Config.DataDir, "请检查目录权限和磁盘空间"
		return f
	}
	err = errors.Join(probe.Close(), os.Remove(probe.Name()))
	free, known := freeBytes(d.Config.DataDir)
	switch {
	case err != nil:
		f.Verdict, f.What, f.Do = account.Bad, "数据目录 "+d.Config.DataDir+" 读写不正常", "请检查磁盘"
	case known && free < full:
		f.Verdict, f.What, f.Do = account.Bad, fmt.Sprintf("%s 只剩 %d MB", d.Config.DataDir, free>>20), "请马上清理磁盘或扩容：写满后新的回调会被拒收"
	case known && free < scarce:
		f.Verdict, f.What, f.Do = account.Doubt, fmt.Sprintf("%s 还剩 %.1f GB", d.Config.DataDir, float64(free)/(1<<30)), "请留意磁盘空间，必要时调小 retention 或扩容"
	case known:
		f.Verdict, f.What = account.Good, fmt.Sprintf("%s 可写，还剩 %.1f GB", d.Config.DataDir, float64(free)/(1<<30))
	default:
		f.Verdict, f.What = account.Good, d.Config.DataDir+" 可写"
	}
	return f
}

// minPacket holds a batch's largest statement with room to spare.
const minPacket = 16 << 20

func (d *Doctor) database(ctx context.Context) account.Finding {
	f := account.Finding{Check: "数据库", Verdict: account.Good, What: "SQLite，" + d.Config.DataDir}
	bad := func(err error) account.Finding {
		f.Verdict, f.What, f.Do = account.Bad, "数据库没有回答", "请检查数据库是否在运行、database.dsn 是否正确"
		var x *fault.Error
		if errors.As(err, &x) {
			f.What = x.Message
		}
		return f
	}
	if err := d.Stores.Koi.Ping(ctx); err != nil {
		return bad(err)
	}
	if d.Stores.Koi.Engine() != db.MySQL {
		return f
	}
	var version string
	var packet int64
	rows, err := d.Stores.Koi.Query(ctx, "SELECT VERSION(), @@max_allowed_packet")
	if err == nil {
		err = db.Each(rows, func(r *sql.Rows) error { return r.Scan(&version, &packet) })
	}
	if err != nil {
		return bad(err)
	}
	f.What = "MySQL 协议，" + version
	if packet < minPacket {
		f.Verdict, f.Do = account.Doubt, fmt.Sprintf("max_allowed_packet 只有 %d MB，请在数据库里调到 16 MB 以上", packet>>20)
	}
	return f
}

// progress looks at whether events are applied and what waits for somebody.
func (d *Doctor) progress(ctx context.Context) []account.Finding {
	f := account.Finding{Check: "运行状态", Verdict: account.Good, What: "正在接收和处理事件"}
	if !d.Serving() {
		f.Verdict, f.What, f.Do = account.ByHand, "服务没有运行，只检查了配置和平台；没有人在接收回调", "启动服务（koi serve）后再检查一次"
	} else if err := d.Ready(ctx); err != nil {
		f.Verdict, f.What, f.Do = account.Bad, err.Error(), "请查看日志；积压会自行消化，一直如此请检查数据库和磁盘"
		var x *fault.Error
		if errors.As(err, &x) {
			f.What = x.Message
		}
	}
	out := []account.Finding{f}
	t, err := d.Troubles(ctx)
	if err != nil {
		return out // the database said so already
	}
	add := func(n int, check, what, do string) {
		if n > 0 {
			out = append(out, account.Finding{Check: check, Verdict: account.Doubt, What: fmt.Sprintf(what, n), Do: do})
		}
	}
	add(t.DeadLetters, "死信", "有 %d 条事件没有处理成功", "请在「设置 → 系统」的死信里查看原因，修正后重试")
	add(t.Alarms, "发送告警", "有 %d 项发送告警", "请在「设置 → 系统」查看并处理")
	add(t.Pauses, "暂停的接口", "有 %d 个接口因平台额度用完而暂停", "额度恢复后会自动继续")
	return out
}

// alerts looks for alerts that may find nobody.
func (d *Doctor) alerts() []account.Finding {
	names := d.Unmanned()
	if len(names) == 0 || !slices.ContainsFunc(d.Accounts.List(), func(e account.Entry) bool { return e.Kind == account.KindWeCom }) {
		return nil
	}
	return []account.Finding{{Check: "员工提醒", Verdict: account.Doubt,
		What: "旅程「" + strings.Join(names, "」「") + "」最后提醒指定角色，但这些角色里没有人关联企微成员：没有企微好友的客户变热时没有人知道",
		Do:   "请在「设置 → 用户」给主管或管理员关联企微成员"}}
}

// credentials asks each platform whether it still takes what we have, from this machine's address.
func (d *Doctor) credentials(ctx context.Context) []account.Finding {
	var out []account.Finding
	for _, e := range d.Accounts.List() {
		if e.Problem != "" {
			out = append(out, account.Finding{Check: "账号设置", Account: e.ID, Verdict: account.Bad, What: e.Problem, Do: "请到「设置 → 平台账号」改正"})
			continue
		}
		creds, err := d.Accounts.Credentials(e.Kind, e.ID)
		if err != nil {
			continue // it was removed this moment
		}
		for _, c := range creds {
			f := account.Finding{Check: "凭据与 IP 白名单", Account: e.ID, Verdict: account.Good, What: "平台接受凭据和出口 IP，时钟一致"}
			if c.Purpose == account.ForContact {
				f.Check = "客户联系 Secret"
			}
			h, err := d.Tokens.Check(ctx, c)
			switch {
			case err != nil:
				f.Verdict, f.What, f.Do = account.Bad, "没有检查成", "请检查数据库后再试"
			case !h.OK:
				f.Verdict = account.Bad
				f.What, f.Do = parted(h.Problem)
			}
			out = append(out, f)
		}
	}
	return out
}

// parted is what happened and what to do, of a sentence with both.
func parted(sentence string) (what, do string) {
	for _, mark := range []string{"：", "；"} {
		if what, do, ok := strings.Cut(sentence, mark); ok {
			return what, do
		}
	}
	return sentence, "请查看日志"
}

// Sick reports whether something does not work.
func Sick(list []account.Finding) bool {
	for _, f := range list {
		if f.Verdict == account.Bad {
			return true
		}
	}
	return false
}
